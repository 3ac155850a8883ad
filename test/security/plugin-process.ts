/** The plugin's server in a process of its own, which tells its port. */
import { EngineLog } from "../../provider/pulumi/plugin/engine-log.js";
import { startServer } from "../../provider/pulumi/plugin/server.js";

const { port } = await startServer("1.2.3", new EngineLog());
process.send?.(port);

/** A program of its own, for what only the environment of a process decides: prints the VMs' names, or the error's code. */
import { readFileSync } from "node:fs";
// Not the index: of what a CommonJS module hands on, an ES module does not know the names.
import { EngineClient } from "../../../provider/backends/ovirt/rest/client.js";
import { listVms } from "../../../provider/backends/ovirt/rest/vm.js";
import type { ProblemError } from "../../../provider/model/problem.js";

const [url = "", caFile = "", username = "", password = ""] = process.argv.slice(2);
const client = new EngineClient({ url, username, password, ca: readFileSync(caFile, "utf8"), attempts: 0 });
try {
  const vms = await listVms(client);
  console.log(vms.map(({ name }) => name).join(" "));
} catch (error) {
  console.log((error as Partial<ProblemError>).problem?.code ?? String(error));
} finally {
  await client.close();
}

/**
 * `npm run test-engine -- [--port P] [--step-millis MS]`: starts the test engine alone, prints where and how it is reached
 * as one line of JSON `{"url", "username", "password", "caFile"}`, and runs until it is told to end.
 */
import { parseArgs } from "node:util";
import { TestEngine } from "./server.js";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, "step-millis": { type: "string", default: "500" } },
});

const engine = await TestEngine.start({ port: Number(values.port), stepMillis: Number(values["step-millis"]) });
console.log(JSON.stringify(engine.address));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void engine.stop());
}

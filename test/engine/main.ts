/**
 * `npm run test-engine -- [--port P] [--step-millis MS]`: starts the test engine alone, as slow as a real one unless the
 * steps of its migrations are given (then nothing else takes time), prints where and how it is reached
 * as one line of JSON `{"url", "username", "password", "caFile"}`, and runs until it is told to end.
 */
import { parseArgs } from "node:util";
import { TestEngine } from "./server.js";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, "step-millis": { type: "string" } },
});

const given = values["step-millis"];
const stepMillis = given === undefined ? undefined : Number(given);
const engine = await TestEngine.start({ port: Number(values.port), stepMillis });
console.log(JSON.stringify(engine.address));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void engine.stop());
}

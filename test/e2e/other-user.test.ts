/** X17: a process of another user calls the plugin. It takes root's privileges, which unit tests are run without. */
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { afterEach, expect, test } from "vitest";
import { labSkipped } from "./lab.js";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A call by a process of that user: gRPC's status. */
function callBy(uid: number, port: number): number {
  // Node.js changes its user itself, with its modules loaded: the other user may not be allowed to read what is in this one's home.
  const program = `
    const grpc = require(${JSON.stringify(createRequire(import.meta.url).resolve("@grpc/grpc-js"))});
    process.setgroups([]);
    process.setgid(${uid});
    process.setuid(${uid});
    const client = new grpc.Client("127.0.0.1:${port}", grpc.credentials.createInsecure());
    const bytes = (value) => value;
    client.makeUnaryRequest("/pulumirpc.ResourceProvider/GetPluginInfo", bytes, bytes, Buffer.alloc(0), (error) => {
      console.log(error?.code ?? 0);
      process.exit();
    });`;
  return Number(execFileSync(process.execPath, ["-e", program], { cwd: "/", encoding: "utf8", timeout: 60_000 }));
}

test.skipIf(labSkipped !== undefined)("another user is refused at the plugin's port; root is not", async () => {
  const program = new URL("../security/plugin-process.ts", import.meta.url);
  const server = fork(program, { execArgv: ["--import", "tsx"] });
  cleanups.push(() => server.kill());
  const [port] = (await once(server, "message")) as [number];
  // 7: PERMISSION_DENIED
  expect(callBy(65534, port)).toBe(7);
  expect(callBy(0, port)).toBe(0);
});

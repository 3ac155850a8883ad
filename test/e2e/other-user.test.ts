/** X17: a process of another user calls the plugin. It takes root's privileges, which unit tests are run without. */
import { execFileSync, fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { afterEach, expect, test } from "vitest";
import { labSkipped } from "./lab.js";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const nobody = 65534;
/** gRPC's status for who may not. */
const permissionDenied = 7;

async function plugin(): Promise<{ readonly server: ChildProcess; readonly port: number }> {
  const program = new URL("../security/plugin-process.ts", import.meta.url);
  const server = fork(program, { execArgv: ["--import", "tsx"] });
  cleanups.push(() => server.kill("SIGKILL"));
  const [port] = (await once(server, "message")) as [number];
  return { server, port };
}

const become = (uid: number) => `process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});`;

/** What that program prints, run by that user. */
function runBy(uid: number, program: string): string {
  // Node.js changes its user itself, with its modules loaded: the other user may not be allowed to read what is in this one's home.
  const grpc = `const grpc = require(${JSON.stringify(createRequire(import.meta.url).resolve("@grpc/grpc-js"))});`;
  return execFileSync(process.execPath, ["-e", `${grpc}\n${become(uid)}\n${program}`], {
    cwd: "/",
    encoding: "utf8",
    timeout: 60_000,
  });
}

/** A call by a process of that user: gRPC's status. */
function callBy(uid: number, port: number, method = "GetPluginInfo", request = Buffer.alloc(0)): number {
  const program = `
    const client = new grpc.Client("127.0.0.1:${port}", grpc.credentials.createInsecure());
    const bytes = (value) => value;
    const request = Buffer.from("${request.toString("hex")}", "hex");
    client.makeUnaryRequest("/pulumirpc.ResourceProvider/${method}", bytes, bytes, request, (error) => {
      console.log(error?.code ?? 0);
      process.exit();
    });`;
  return Number(runBy(uid, program));
}

/** A PluginAttach with that address. */
const attachTo = (address: string) => Buffer.concat([Buffer.from([0x0a, address.length]), Buffer.from(address)]);

const frame = (type: number, flags: number, stream: number, payload = Buffer.alloc(0)) =>
  Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);

/** How a connection over HTTP/2 begins (RFC 9113, 3.4), with what answers the server's own beginning. */
const beginning = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0), frame(4, 1, 0)]);

/** A call, with HPACK's plain literals (RFC 7541, 6.2.2). */
function framesOf(method: string, request: Buffer): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const header = (name: string, value: string) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
  const headers = [
    header(":method", "POST"),
    header(":scheme", "http"),
    header(":path", `/pulumirpc.ResourceProvider/${method}`),
    header(":authority", "localhost"),
    header("content-type", "application/grpc"),
    header("te", "trailers"),
  ];
  return Buffer.concat([
    frame(1, 4, 1, Buffer.concat(headers)),
    frame(0, 1, 1, Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request])),
  ]);
}

test.skipIf(labSkipped !== undefined)("another user is refused at the plugin's port; root is not", async () => {
  const { port } = await plugin();
  expect(callBy(nobody, port)).toBe(permissionDenied);
  expect(callBy(0, port)).toBe(0);
});

test.skipIf(labSkipped !== undefined)(
  "another user is refused who is gone when the call is read: the kernel shows that connection as root's",
  async () => {
    const { server, port } = await plugin();
    const frames = framesOf("Attach", attachTo("127.0.0.1:1111"));
    const client = spawn(process.execPath, [
      "-e",
      `${become(nobody)}
      const socket = require("node:net").connect(${port}, "127.0.0.1");
      socket.write(Buffer.from("${beginning.toString("hex")}", "hex"));
      socket.resume();
      // By then the plugin has said all that it says before a call: with something left unread the end would be a reset.
      socket.once("data", () => setTimeout(() => console.log("ready"), 2000));
      process.stdin.once("data", () => socket.write(Buffer.from("${frames.toString("hex")}", "hex"), () => process.exit()));`,
    ]);
    cleanups.push(() => client.kill("SIGKILL"));
    await once(client.stdout, "data");
    // While the plugin is busy, all of the call arrives, and the end of its connection.
    server.kill("SIGSTOP");
    client.stdin.write("now");
    await once(client, "exit");
    server.kill("SIGCONT");
    // Had it been answered, another engine would have the plugin.
    expect(callBy(0, port, "Attach", attachTo("127.0.0.1:2222"))).toBe(0);
  },
);

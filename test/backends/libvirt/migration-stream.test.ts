/** The program itself, on this machine: which connections it finds, and that it ends those and no others where it may. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import type { LibvirtHost } from "../../../provider/backends/libvirt/host.js";
import { endMigrationStream, placeOf } from "../../../provider/backends/libvirt/migration-stream/migration-stream.js";
import type { ExecResult } from "../../../provider/backends/libvirt/transport/index.js";

const folder = join(import.meta.dirname, "../../../provider/backends/libvirt/migration-stream");
const program = readFileSync(join(folder, "migration-stream.py"), "utf8");
const Answer = z.object({ found: z.number(), ended: z.number() });

/** As a host runs it over SSH. */
function run(stdin: string): Promise<ExecResult> {
  return new Promise((resolve) => {
    const child = execFile("python3", ["-I", "-c", program], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, stdout, stderr });
    });
    child.stdin?.end(stdin);
  });
}

const hostThat = (answers: (stdin: string) => Promise<ExecResult | undefined>) =>
  ({ command: (_: unknown, stdin = "") => answers(stdin) }) as unknown as LibvirtHost;
const saying = (stdout: string, code = 0) => hostThat(() => Promise.resolve({ code, stdout, stderr: "" }));

describe("the connections to a port of another host", () => {
  const open: (Server | Socket)[] = [];
  let port = 0;
  let other = 0;
  beforeEach(async () => {
    port = await connected();
    other = await connected();
  });
  afterEach(() => {
    for (const each of open.splice(0))
      if ("destroy" in each) each.destroy();
      else each.close();
  });

  /** A connection that stands, with both its ends here. */
  async function connected(): Promise<number> {
    const server = createServer((socket) => open.push(socket.on("error", () => undefined)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1").on("error", () => undefined);
    await once(client, "connect");
    open.push(server, client);
    return port;
  }

  it("are found by address and by name, and no others", async () => {
    // The right to end one is root's, and tests run without it, too.
    const found = async (address: string, at: number) => {
      const { stdout } = await run(JSON.stringify({ address, port: at }));
      return Answer.parse(JSON.parse(stdout));
    };
    expect(await found("127.0.0.2", port)).toEqual({ found: 0, ended: 0 });
    expect(await found("no-such-host.invalid", port)).toEqual({ found: 0, ended: 0 });
    const { found: one, ended } = await found("localhost", port);
    expect(one).toBe(1);
    expect(await found("127.0.0.1", port)).toMatchObject({ found: 1 - ended });
    expect(await found("127.0.0.1", other)).toMatchObject({ found: 1 });
  });
});

describe("a migration's stream", () => {
  it("is ended where the host says so", async () => {
    const asked: string[] = [];
    const host = hostThat((stdin) => {
      asked.push(stdin);
      return Promise.resolve({ code: 0, stdout: '{"found": 1, "ended": 1}', stderr: "" });
    });
    expect(await endMigrationStream(host, "tcp://10.0.0.2:49152")).toBe(true);
    expect(asked).toEqual(['{"address":"10.0.0.2","port":49152}\n']);
  });

  it("is not where the account may not, and not where the host runs no commands for us or has no python3", async () => {
    const uri = "tcp:host2:49152";
    expect(await endMigrationStream(saying('{"found": 1, "ended": 0}'), uri)).toBe(false);
    expect(await endMigrationStream(saying("", 127), uri)).toBe(false);
    expect(await endMigrationStream(saying("nonsense"), uri)).toBe(false);
    expect(
      await endMigrationStream(
        hostThat(() => Promise.resolve(undefined)),
        uri,
      ),
    ).toBe(false);
    expect(await endMigrationStream(saying('{"found": 1, "ended": 1}'), "unix:///run/x")).toBe(false);
  });

  it.each([
    ["tcp:host2:49152", { address: "host2", port: 49152 }],
    ["tcp://[fd00::2]:49152", { address: "fd00::2", port: 49152 }],
    ["tcp:[fd00::2]:49152", { address: "fd00::2", port: 49152 }],
    ["rdma://host2:49152", undefined],
    ["tcp:host2", undefined],
  ])("goes to %s", (uri, place) => expect(placeOf(uri)).toEqual(place));
});

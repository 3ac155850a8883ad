/** The program itself, on this machine: what a host's python3 makes of addresses that answer, refuse, or are none. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../../../provider/backends/libvirt/host.js";
import { lastMigrationPort, triedFrom } from "../../../provider/backends/libvirt/port-probe/port-probe.js";
import type { ExecResult } from "../../../provider/backends/libvirt/transport/index.js";

const program = readFileSync(
  join(import.meta.dirname, "../../../provider/backends/libvirt/port-probe/port-probe.py"),
  "utf8",
);

/** As a host runs it over SSH. */
function run(stdin: string): Promise<ExecResult> {
  return new Promise((resolve) => {
    const child = execFile("python3", ["-I", "-c", program], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, stdout, stderr });
    });
    child.stdin?.end(stdin);
  });
}

function hostThat(answers: (stdin: string) => Promise<ExecResult | undefined>): LibvirtHost {
  return { command: (_: unknown, stdin = "") => answers(stdin) } as unknown as LibvirtHost;
}

describe("the migration port", () => {
  let server: Server;
  let port = 0;
  beforeAll(async () => {
    server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.close();
  });

  it("is reached where something listens, and where the host itself refuses", async () => {
    expect(await triedFrom(hostThat(run), "127.0.0.1", port)).toEqual({ outcome: "reached", why: "connected" });
    expect(await triedFrom(hostThat(run), "127.0.0.1", 1)).toEqual({
      outcome: "reached",
      why: "refused: nothing listens there yet",
    });
  });

  it("that is tried is one at which no other VM's QEMU waits: it would take the connection for its migration, and end", () => {
    // migration_port_min and migration_port_max of qemu.conf: libvirt hands them out in this order.
    expect(lastMigrationPort).toBe(49_152 + 63);
  });

  it("is not where the name is of no host", async () => {
    expect(await triedFrom(hostThat(run), "no-such-host.invalid", port)).toMatchObject({ outcome: "not resolved" });
    expect(await triedFrom(hostThat(run), "$(reboot)", port)).toMatchObject({ outcome: "not resolved" });
  });

  it("is not known where the host runs no command, has no python3, or answers nonsense", async () => {
    const answer = (stdout: string, code = 0) =>
      triedFrom(
        hostThat(() => Promise.resolve({ code, stdout, stderr: "" })),
        "127.0.0.1",
        port,
      );
    expect(
      await triedFrom(
        hostThat(() => Promise.resolve(undefined)),
        "127.0.0.1",
        port,
      ),
    ).toBeUndefined();
    expect(await answer("", 127)).toBeUndefined();
    expect(await answer("nonsense")).toBeUndefined();
    expect(await answer('{"outcome": "well", "why": "x"}')).toBeUndefined();
    expect(await answer('{"outcome": "no route", "why": "a\\nb\\u001b[0m"}')).toEqual({
      outcome: "no route",
      why: "a b?[0m",
    });
  });
});

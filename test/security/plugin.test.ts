/** Another user of the operator's machine, at the plugin's port. */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { afterEach, describe, expect, test } from "vitest";
import { isOwnUser } from "../../provider/pulumi/plugin/caller.js";
import { EngineLog } from "../../provider/pulumi/plugin/engine-log.js";
import { startServer } from "../../provider/pulumi/plugin/server.js";
import { PluginClient } from "../pulumi/plugin/plugin-client.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const cluster = JSON.stringify({ hosts: { host1: { uri: "qemu:///system" } } });

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

describe("X17: another user of this machine", () => {
  test("is refused at the plugin's port; the one who started it, and root, are not", async () => {
    // Answers in a process of its own: this one waits for the callers.
    const client = await PluginClient.start();
    cleanups.push(() => client.close());
    expect((await client.pluginInfo()).getVersion()).toBe("1.2.3");
    const table = [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1",
      `   1: 0100007F:A001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 ${process.getuid?.() ?? 0} 0 2 1`,
      "   2: 0100007F:A002 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65534 0 3 1",
      "   3: 0100007F:A003 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 0 0 3 1",
      "   4: 0100007F:A004 0100007F:1F91 01 00000000:00000000 00:00000000 00000000 0 0 3 1",
    ].join("\n");
    const allowed = (port: number) => isOwnUser(`127.0.0.1:${port}`, 0x1f90, () => table);
    if (process.platform !== "linux") return;
    expect([0xa001, 0xa002, 0xa003, 0xa004, 0xa005].map(allowed)).toEqual([true, false, true, false, false]);
    expect(isOwnUser("unix:", 0x1f90, () => table)).toBe(false);
    expect(isOwnUser("127.0.0.1:1", 0x1f90, () => "header\n")).toBe(true);
  });

  test.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
    "is refused by the kernel's own table",
    async () => {
      const server = fork(new URL("plugin-process.ts", import.meta.url), { execArgv: ["--import", "tsx"] });
      cleanups.push(() => server.kill());
      const [port] = (await once(server, "message")) as [number];
      // 7: PERMISSION_DENIED
      expect(callBy(65534, port)).toBe(7);
      expect(callBy(0, port)).toBe(0);
    },
  );

  test("who is not admitted gets no answer from any method", async () => {
    const { port, stop } = await startServer("1.2.3", new EngineLog(), () => false);
    cleanups.push(stop);
    const raw = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    cleanups.push(() => raw.close());
    const code = await new Promise((resolve) => {
      raw.cancel(new Empty(), (error) => resolve(error?.code));
    });
    expect(code).toBe(grpc.status.PERMISSION_DENIED);
  });

  test("cannot have the plugin use another cluster than the engine's, nor before it", async () => {
    const client = await PluginClient.start();
    cleanups.push(() => client.close());
    await client.configure({ cluster });
    await client.configure({ cluster });
    const other = JSON.stringify({ hosts: { evil: { uri: "qemu:///system" } } });
    await expect(client.configure({ cluster: other })).rejects.toThrow(
      /Unable to configure the plugin: it is configured otherwise already/,
    );
  });

  test("cannot turn what is logged to another engine", async () => {
    const client = await PluginClient.start();
    cleanups.push(() => client.close());
    await client.handshake("127.0.0.1:1111");
    await client.attach("127.0.0.1:1111");
    await expect(client.attach("127.0.0.1:2222")).rejects.toThrow(/another engine uses it/);
    await expect(client.handshake("127.0.0.1:2222")).rejects.toThrow(/another engine uses it/);
  });
});

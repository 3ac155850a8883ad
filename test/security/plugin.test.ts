/** Another user of the operator's machine, at the plugin's port; test/e2e/other-user.test.ts is one. */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
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

/** Another user of the operator's machine, at the plugin's port; test/e2e/other-user.test.ts is one. */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { afterEach, describe, expect, test } from "vitest";
import { ownUserOnly } from "../../provider/pulumi/plugin/caller.js";
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
  });

  const self = process.getuid?.() ?? 0;
  const row = (local: string, remote: string, state: string, uid: number) =>
    `   1: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${uid} 0 2 1`;
  const own = "0100007F:1F90";
  const plugin = row(own, "00000000:0000", "0A", self);
  const admitted = (rows: readonly string[], peer = "127.0.0.1:40961") =>
    ownUserOnly(0x1f90, () => ["  sl  local_address rem_address   st …", ...rows, ""].join("\n"))(peer);

  test.runIf(process.platform === "linux").each([
    ["of this user is admitted", [row("0100007F:A001", own, "01", self)], true],
    ["of root is admitted", [row("0100007F:A001", own, "01", 0)], true],
    ["of another user is not", [row("0100007F:A001", own, "01", 65534)], false],
    ["that is not in the table is not", [], false],
    // What another user has closed has no owner, and is shown as root's.
    ["that was closed is not", [row("0100007F:A001", own, "05", 0)], false],
    ["that was closed a while ago is not", [row("0100007F:A001", own, "06", 0)], false],
    // Another user may take the same ports at another address of this machine.
    [
      "of another user, with root's between the same ports, is not",
      [row("0200007F:A001", "0200007F:1F90", "01", 0), row("0100007F:A001", own, "01", 65534)],
      false,
    ],
    [
      "of another user, with root's to another plugin, is not",
      [row("0100007F:A001", "0100007F:1F91", "01", 0), row("0100007F:A001", own, "01", 65534)],
      false,
    ],
  ])("a connection %s", (_, rows, expected) => {
    expect(admitted([plugin, ...rows])).toBe(expected);
  });

  test.runIf(process.platform === "linux")("is refused where the table cannot be read any more", () => {
    let reads = 0;
    const admits = ownUserOnly(0x1f90, () => {
      reads += 1;
      if (reads > 1) throw new Error("EMFILE: too many open files");
      return `header\n${plugin}\n`;
    });
    expect(admits("127.0.0.1:40961")).toBe(false);
    expect(admitted([plugin, row("0100007F:A001", own, "01", self)], "unix:")).toBe(false);
    // Where this process is not in the table itself, it tells nothing.
    expect(admitted([])).toBe(true);
  });

  test("who is not admitted gets no answer from any method", async () => {
    const { port, stop } = await startServer("1.2.3", new EngineLog(), () => () => false);
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
      /Unable to configure the plugin: it already has another configuration/,
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

/** A host that makes others wait: it lives, and does not answer. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { RpcClient } from "../../provider/backends/libvirt/rpc/client.js";
import { ConnectionLostError } from "../../provider/backends/libvirt/rpc/errors.js";
import { onlyReads, procedures, type ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { parseLibvirtUri, remoteCommand } from "../../provider/backends/libvirt/transport/index.js";
import { SshSession } from "../../provider/backends/libvirt/transport/ssh.js";
import { targetOf } from "../../provider/backends/libvirt/transport/ssh-target.js";
import type { SshUri } from "../../provider/config/host-uri.js";
import { KEEPALIVE, REMOTE, str, TestServer } from "../backends/libvirt/rpc/server.js";
import { makeKey } from "../backends/libvirt/transport/keys.js";
import { SshServer, type SshServerOptions } from "../backends/libvirt/transport/ssh-server.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.useRealTimers();
});

describe("X14: libvirt that answers pings and no call", () => {
  test("counts as lost after a call that only reads has waited for a minute", async () => {
    vi.useFakeTimers();
    const server = new TestServer({ [`${REMOTE}/23`]: () => undefined });
    const client = new RpcClient(server.client, { where: "host2" });
    client.startKeepalive();
    const answer = client.call("domain_lookup_by_name", { name: "web" }).catch((error: unknown) => error);
    for (let seconds = 0; seconds < 65; seconds += 1) {
      server.message(KEEPALIVE, 2, Buffer.alloc(0));
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(await answer).toBeInstanceOf(ConnectionLostError);
    expect(String(await answer)).toContain("libvirt has not answered domain_lookup_by_name within 60 s (host2)");
    expect(client.closed).toBe(true);
  });

  test("is waited for where a call takes what QEMU and the guest take", async () => {
    vi.useFakeTimers();
    const server = new TestServer({ [`${REMOTE}/160`]: () => undefined });
    const client = new RpcClient(server.client, { where: "host2" });
    const dom = { name: "web", uuid: "00112233-4455-6677-8899-aabbccddeeff", id: 1 };
    const answer = client.call("domain_attach_device_flags", { dom, xml: "<x/>", flags: 1 });
    await vi.advanceTimersByTimeAsync(600_000);
    server.reply(server.requests[0] ?? expect.unreachable(), Buffer.alloc(0));
    await answer;
    expect(client.closed).toBe(false);
  });

  test("is not waited for longer where it lists more than it can tell, however fast each answer comes", async () => {
    vi.useFakeTimers();
    const server = new TestServer({ [`${REMOTE}/14`]: () => undefined });
    const client = new RpcClient(server.client, { where: "host2" });
    const dom = { name: "web", uuid: "00112233-4455-6677-8899-aabbccddeeff", id: 1 };
    // A second for each would take half an hour; one list may have 16,384 (remote_protocol.x, REMOTE_DOMAIN_LIST_MAX).
    const answers = Array.from({ length: 2000 }, () => client.call("domain_get_xml_desc", { dom, flags: 0 }));
    const settled = Promise.allSettled(answers);
    for (let second = 0; second < 61; second += 1) {
      const request = server.requests[second];
      if (!client.closed && request !== undefined) server.reply(request, str("<domain/>"));
      await vi.advanceTimersByTimeAsync(1000);
    }
    const told = await settled;
    expect(told.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(50);
    expect(told.at(-1)).toMatchObject({ reason: expect.any(ConnectionLostError) as Error });
    expect(client.closed).toBe(true);
  });

  test("an answer in time leaves no timer behind", async () => {
    const server = new TestServer({ [`${REMOTE}/59`]: () => str("host2") });
    const client = new RpcClient(server.client, { where: "host2", readTimeoutMs: 20 });
    await client.call("connect_get_hostname", {});
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(client.closed).toBe(false);
  });

  test("of the calls that change something none counts as one that only reads", () => {
    const changing = (Object.keys(procedures) as ProcedureName[]).filter((name) => !onlyReads(name));
    expect(changing).toEqual(
      expect.arrayContaining([
        "domain_attach_device_flags",
        "domain_detach_device_alias",
        "domain_migrate_perform3_params",
        "domain_migrate_prepare3_params",
        "domain_destroy_flags",
        "domain_set_metadata",
        "node_device_detach_flags",
        "qemu_domain_monitor_command",
      ]),
    );
    expect(changing.filter((name) => /_(set|create|define|undefine|attach|detach|migrate|destroy)/.test(name))).toEqual(
      (Object.keys(procedures) as ProcedureName[]).filter((name) =>
        /_(set|create|define|undefine|attach|detach|migrate|destroy)/.test(name),
      ),
    );
  });
});

describe("X14: an SSH server that lets us in and goes no further", () => {
  async function session(
    options: Partial<SshServerOptions>,
    channelTimeoutMs: number,
  ): Promise<{ opened: SshSession; uri: SshUri }> {
    const [hostKey, userKey] = [makeKey("ed25519"), makeKey("ed25519")];
    const server = await SshServer.start({ hostKeys: [hostKey], authorized: [userKey], ...options });
    cleanups.push(() => server.stop());
    const uri = parseLibvirtUri(`qemu+ssh://virt@127.0.0.1:${server.port}/system?sshauth=privkey`);
    if (uri.transport !== "ssh") throw new Error("is of SSH");
    const credentials = { sshPrivateKey: userKey.privateKey, hostKey: hostKey.publicKey };
    const opened = await SshSession.open(await targetOf(uri), credentials, { channelTimeoutMs });
    cleanups.push(() => opened.close());
    return { opened, uri };
  }

  test("opens no channel: that is an error in time", async () => {
    const { opened, uri } = await session({ opensNothing: true }, 100);
    await expect(opened.openLibvirt(uri)).rejects.toThrow(/opened no SSH channel within 0.1 s/);
  });

  test("runs a command without end: that is an error in time", async () => {
    const { opened } = await session({ run: () => undefined }, 30_000);
    const running = opened.exec(remoteCommand`ip -json link`, "", { timeoutMs: 100 });
    await expect(running).rejects.toThrow(/The command "ip -json link" did not finish within 0.1 s/);
  });
});

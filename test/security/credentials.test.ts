/** What a host may be logged in to with is that host's: a host that asks for more gets nothing of another's. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { parseConfiguration, type ConfigValues } from "../../provider/config/index.js";
import { makeKey, scratch, type KeyPair } from "../backends/libvirt/transport/keys.js";
import { SshServer, type SshServerOptions } from "../backends/libvirt/transport/ssh-server.js";
import { twoHosts, vm, type LabLike } from "../hosts/two-hosts.js";

let hostKey: KeyPair, common: KeyPair, own: KeyPair, locked: KeyPair;
let lab: LabLike;
const cleanups: (() => unknown)[] = [];

beforeAll(() => {
  [hostKey, common, own] = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
  locked = makeKey("ed25519", "open sesame");
});

beforeEach(async () => {
  vi.stubEnv("SSH_AUTH_SOCK", "");
  vi.stubEnv("HOME", scratch());
  lab = await twoHosts();
  cleanups.push(() => lab.close());
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.unstubAllEnvs();
});

interface HostOptions extends Partial<SshServerOptions> {
  /** Of its URI. */
  readonly query?: string;
}

/** The lab's hosts behind SSH servers, asked for a VM as every command asks. */
async function ask(
  options: Readonly<Record<"host1" | "host2", HostOptions>>,
  secrets: Omit<ConfigValues, "cluster">,
): Promise<{
  readonly host1: SshServer;
  readonly host2: SshServer;
  readonly found: string[];
  readonly refused: string[];
}> {
  const start = async (name: "host1" | "host2") => {
    const server = await SshServer.start({ hostKeys: [hostKey], ...options[name] });
    cleanups.push(() => server.stop());
    const socket = new URL(lab.configuration.cluster.hosts[name]?.uri ?? "").searchParams.get("socket") ?? "";
    const uri = `qemu+ssh://virt@127.0.0.1:${server.port}/system?socket=${socket}&${options[name].query ?? ""}`;
    return { server, config: { uri, hostKey: hostKey.publicKey } };
  };
  const [host1, host2] = [await start("host1"), await start("host2")];
  const cluster = { ...lab.configuration.cluster, hosts: { host1: host1.config, host2: host2.config } };
  const opened = new LibvirtCluster(parseConfiguration({ cluster, ...secrets }));
  cleanups.push(() => opened.close());
  const { instances, unreachable } = await opened.locations(vm.name);
  return {
    host1: host1.server,
    host2: host2.server,
    found: instances.map(({ host }) => host.name),
    refused: unreachable.map(({ host }) => host),
  };
}

const withPassword = "sshauth=agent,privkey,password,keyboard-interactive";
const offeredTo = (server: SshServer) => new Set(server.offered);
const blob = (key: KeyPair) => key.blob.toString("base64");

describe("X5: credentials of one host", () => {
  test("its password is told to it alone, also where the other host asks for one and its URI names it", async () => {
    const { host1, host2, found, refused } = await ask(
      {
        host1: { password: "of-host1", query: withPassword },
        host2: { password: "any", query: withPassword },
      },
      { hostCredentials: { host1: { sshPassword: "of-host1" } } },
    );
    expect(found).toEqual(["host1"]);
    expect(refused).toEqual(["host2"]);
    expect(host1.told).toEqual(["of-host1"]);
    expect(host2.told).toEqual([]);
  });

  test("the cluster's password is not told to a host that has credentials of its own, none among them", async () => {
    for (const own of [{ sshPassword: "of-host2" }, {}]) {
      const { host1, host2 } = await ask(
        { host1: { password: "of-all", query: withPassword }, host2: { password: "any", query: withPassword } },
        { sshPassword: "of-all", hostCredentials: { host2: own } },
      );
      expect(host1.told).toEqual(["of-all"]);
      expect(host2.told.filter((told) => told !== "of-host2")).toEqual([]);
      expect(host2.told.length > 0).toBe("sshPassword" in own);
    }
  });

  test("its key is offered to it alone", async () => {
    const { host1, host2, refused } = await ask(
      { host1: { authorized: [common] }, host2: { authorized: [own] } },
      { sshPrivateKey: common.privateKey, hostCredentials: { host2: { sshPrivateKey: own.privateKey } } },
    );
    expect(refused).toEqual([]);
    expect(offeredTo(host1)).toEqual(new Set([blob(common)]));
    expect(offeredTo(host2)).toEqual(new Set([blob(own)]));
  });

  test("its passphrase opens its key file, and no other host's", async () => {
    const query = `keyfile=${locked.file}`;
    const { found, refused } = await ask(
      { host1: { authorized: [locked], query }, host2: { authorized: [locked], query } },
      { hostCredentials: { host1: { sshPassphrase: "open sesame" } } },
    );
    expect(found).toEqual(["host1"]);
    expect(refused).toEqual(["host2"]);
  });

  test("two hosts on one machine's address share no SSH connection where their credentials differ", async () => {
    const server = await SshServer.start({ hostKeys: [hostKey], authorized: [common, own] });
    cleanups.push(() => server.stop());
    const host = (name: "host1" | "host2") => {
      const socket = new URL(lab.configuration.cluster.hosts[name]?.uri ?? "").searchParams.get("socket") ?? "";
      return { uri: `qemu+ssh://virt@127.0.0.1:${server.port}/system?socket=${socket}`, hostKey: hostKey.publicKey };
    };
    const cluster = { ...lab.configuration.cluster, hosts: { host1: host("host1"), host2: host("host2") } };
    const opened = new LibvirtCluster(
      parseConfiguration({
        cluster,
        sshPrivateKey: common.privateKey,
        hostCredentials: { host2: { sshPrivateKey: own.privateKey } },
      }),
    );
    cleanups.push(() => opened.close());
    expect((await opened.locations(vm.name)).unreachable).toEqual([]);
    expect(server.connections).toBe(2);
    expect(offeredTo(server)).toEqual(new Set([blob(common), blob(own)]));
  });

  test("no password is told to a host whose key is not verified", async () => {
    const server = await SshServer.start({ hostKeys: [hostKey], password: "of-host1" });
    cleanups.push(() => server.stop());
    const uri = `qemu+ssh://virt@127.0.0.1:${server.port}/system?${withPassword}&known_hosts_verify=ignore`;
    const cluster = new LibvirtCluster(
      parseConfiguration({ cluster: { hosts: { host1: { uri } } }, sshPassword: "of-host1" }),
    );
    cleanups.push(() => cluster.close());
    const { unreachable } = await cluster.locations(vm.name);
    expect(unreachable.map(({ message }) => message).join()).toMatch(
      /not tried: .*password \(the host's key is not verified\)/,
    );
    expect(server.told).toEqual([]);
  });
});

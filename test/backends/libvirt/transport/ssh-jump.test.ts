/** Hosts behind jump hosts, each with its own user, key and host key. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LibvirtConnection } from "../../../../provider/backends/libvirt/rpc/connection.js";
import {
  openTransport,
  type SshCredentials,
  type Transport,
} from "../../../../provider/backends/libvirt/transport/index.js";
import { LibvirtCluster } from "../../../../provider/backends/libvirt/cluster.js";
import { parseConfiguration } from "../../../../provider/config/index.js";
import { parseLibvirtUri } from "../../../../provider/config/host-uri.js";
import { twoHosts, vm } from "../../../hosts/two-hosts.js";
import { isolatedSsh } from "./isolated.js";
import { type KeyPair, makeKey, scratch } from "./keys.js";
import { hostname, libvirtSocket } from "./libvirt-socket.js";
import { SshServer, type SshServerOptions } from "./ssh-server.js";

let keys: Record<"host" | "jump" | "outer" | "user" | "jumpUser", KeyPair>;
let socket: string;
const isolated = isolatedSsh();

beforeAll(() => {
  const make = (): KeyPair => makeKey("ed25519");
  keys = { host: make(), jump: make(), outer: make(), user: make(), jumpUser: make() };
});

beforeEach(async () => {
  const libvirt = await libvirtSocket();
  socket = libvirt.path;
  isolated.atEnd(() => libvirt.server.close());
});

interface Site {
  readonly host: SshServer;
  readonly jump: SshServer;
  readonly config: string;
}

async function site(
  options: { readonly jump?: Partial<SshServerOptions>; readonly known?: string } = {},
): Promise<Site> {
  const host = await isolated.start({ hostKeys: [keys.host], authorized: [keys.user] });
  const jump = await isolated.start({
    hostKeys: [keys.jump],
    authorized: [keys.jumpUser],
    jump: true,
    ...options.jump,
  });
  const folder = scratch();
  const known = join(folder, "known_hosts");
  writeFileSync(
    known,
    `[127.0.0.1]:${host.port} ${keys.host.publicKey}\n${options.known ?? `[127.0.0.1]:${jump.port} ${keys.jump.publicKey}`}\n`,
  );
  const config = join(folder, "config");
  writeFileSync(
    config,
    [
      "Host kvm1",
      "  HostName 127.0.0.1",
      `  Port ${host.port}`,
      `  IdentityFile ${keys.user.file}`,
      "  User virt",
      "  ProxyJump bastion",
      "Host bastion",
      "  HostName 127.0.0.1",
      `  Port ${jump.port}`,
      "  User ops",
      `  IdentityFile ${keys.jumpUser.file}`,
      "Host *",
      `  UserKnownHostsFile ${known}`,
      "  GlobalKnownHostsFile none",
    ].join("\n"),
  );
  return { host, jump, config };
}

async function open(
  { config }: Pick<Site, "config">,
  query = "",
  credentials: SshCredentials = {},
): Promise<Transport> {
  const uri = parseLibvirtUri(`qemu+ssh://kvm1/system?socket=${encodeURIComponent(socket)}&${query}`);
  const transport = await openTransport(uri, { sshConfig: config, ...credentials });
  isolated.atEnd(() => transport.close());
  return transport;
}

describe("through a jump host", () => {
  it("a host is reached, each with its own user and key", async () => {
    const { host, jump, ...way } = await site();
    expect(await hostname(await open(way))).toBe("host1");
    expect([...new Set(host.users)]).toEqual(["virt"]);
    expect([...new Set(jump.users)]).toEqual(["ops"]);
    expect([...new Set(jump.offered)]).toEqual([keys.jumpUser.blob.toString("base64")]);
    expect(jump.forwarded).toEqual([`127.0.0.1:${host.port}`]);
  });

  it("connections share those that stand, and the last one ends them all", async () => {
    const { host, jump, ...way } = await site();
    const [first, second] = await Promise.all([open(way), open(way)]);
    expect(await hostname(first)).toBe("host1");
    await first.close();
    expect(await hostname(second)).toBe("host1");
    expect([host.connections, jump.connections]).toEqual([1, 1]);
    await second.close();
    await expect.poll(() => [host.open, jump.open]).toEqual([0, 0]);
  });

  it("two in a row are passed in their order", async () => {
    const way = await site();
    const outer = await isolated.start({ hostKeys: [keys.outer], authorized: [keys.jumpUser], jump: true });
    const known = join(scratch(), "known_hosts");
    writeFileSync(known, `[127.0.0.1]:${outer.port} ${keys.outer.publicKey}\n`);
    const first = [
      "Host bastion",
      `  ProxyJump first@127.0.0.1:${outer.port}`,
      "Host 127.0.0.1",
      `  IdentityFile ${keys.jumpUser.file}`,
      `  UserKnownHostsFile ${known}`,
    ];
    writeFileSync(way.config, `${first.join("\n")}\n${readFileSync(way.config, "utf8")}`);
    expect(await hostname(await open(way))).toBe("host1");
    expect(outer.forwarded).toEqual([`127.0.0.1:${way.jump.port}`]);
    expect([...new Set(outer.users)]).toEqual(["first"]);
    expect(way.jump.forwarded).toEqual([`127.0.0.1:${way.host.port}`]);
  });

  it("the stack's key is offered to it, its password is not", async () => {
    const { host, jump, ...way } = await site({ jump: { authorized: [keys.host], password: "any" } });
    const credentials = { sshPrivateKey: keys.user.privateKey, sshPassword: "hunter2" };
    const way2 = open(way, "sshauth=agent,privkey,password", credentials);
    await expect(way2).rejects.toMatchObject({ problem: { code: "ssh-authentication" } });
    expect(jump.offered).toContain(keys.user.blob.toString("base64"));
    expect(jump.told).toEqual([]);
    expect(host.connections).toBe(0);
  });
});

it("a cluster's hosts are reached as the SSH configuration that it names says", async () => {
  const way = await site();
  const lab = await twoHosts();
  isolated.atEnd(() => lab.close());
  const uri = new URL(lab.configuration.cluster.hosts["host1"]?.uri ?? "");
  const cluster = {
    hosts: { host1: { uri: `qemu+ssh://kvm1/system?socket=${uri.searchParams.get("socket") ?? ""}` } },
    networks: lab.configuration.cluster.networks,
  };
  const reached = new LibvirtCluster(parseConfiguration({ cluster: { ...cluster, sshConfig: way.config } }));
  isolated.atEnd(() => reached.close());
  expect((await reached.locations(vm.name)).instances.map(({ host }) => host.name)).toEqual(["host1"]);
  expect(way.jump.forwarded).toEqual([`127.0.0.1:${way.host.port}`]);
  // The same without it: there is no host of that name.
  const lost = new LibvirtCluster(parseConfiguration({ cluster: { ...cluster, sshConfig: "none" } }));
  isolated.atEnd(() => lost.close());
  expect((await lost.locations(vm.name)).unreachable.map(({ message }) => message)).toEqual([
    expect.stringMatching(/Unable to reach|kvm1/),
  ]);
});

it("an SSH configuration that is named and not there is a mistake in the stack's configuration", () => {
  const cluster = { hosts: { host1: { uri: "qemu+ssh://kvm1/system" } }, sshConfig: "/nowhere/config" };
  expect(() => parseConfiguration({ cluster })).toThrow(
    /sshConfig names the file "\/nowhere\/config", which is not there\. Correct it, or write none/,
  );
});

describe("a jump host", () => {
  const place = ({ jump }: Site): string => `ops@127.0.0.1:${jump.port}, the jump host on the way to kvm1`;

  it("that is not known is named and told nothing, in spite of no_verify=1 of the host", async () => {
    const way = await site({ known: "" });
    await expect(open(way, "no_verify=1")).rejects.toMatchObject({
      problem: { code: "ssh-host-key-unknown", where: place(way) },
    });
    expect(way.jump.users).toEqual([]);
  });

  it("that shows another key is named", async () => {
    const way = await site({ known: `* ${keys.outer.publicKey}` });
    await expect(open(way)).rejects.toMatchObject({ problem: { code: "ssh-host-key-mismatch", where: place(way) } });
  });

  it("is not what the host's pinned key is about", async () => {
    const way = await site();
    expect(await hostname(await open(way, "", { hostKey: keys.host.publicKey }))).toBe("host1");
    await expect(open(way, "", { hostKey: keys.jump.publicKey })).rejects.toMatchObject({
      problem: { code: "ssh-host-key-mismatch", where: `virt@127.0.0.1:${way.host.port}` },
    });
  });

  it("that refuses the login is named", async () => {
    const way = await site({ jump: { authorized: [keys.host] } });
    await expect(open(way)).rejects.toMatchObject({
      problem: { code: "ssh-authentication", where: place(way) },
      refused: true,
    });
  });

  it("that forwards nothing is named", async () => {
    const way = await site({ jump: { jump: false } });
    await expect(open(way)).rejects.toMatchObject({
      problem: {
        code: "ssh-jump-refused",
        where: place(way),
        what: `The jump host does not forward to 127.0.0.1:${way.host.port}`,
      },
    });
    await expect.poll(() => way.jump.open).toBe(0);
  });

  it("that does not reach the host is named, and the host counts as unreachable", async () => {
    const way = await site();
    await way.host.stop();
    await expect(open(way)).rejects.toMatchObject({
      problem: { code: "ssh-unreachable", where: place(way) },
      refused: false,
    });
    await expect.poll(() => way.jump.open).toBe(0);
  });

  it("that is lost takes the connections through it along", async () => {
    const way = await site();
    const connection = await LibvirtConnection.open((await open(way)).stream, { where: "host1" });
    way.jump.drop();
    expect((await connection.ended).message).toContain("SSH connection was lost");
    expect(await hostname(await open(way))).toBe("host1");
  });
});

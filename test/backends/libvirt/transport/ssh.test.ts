import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type Server } from "node:net";
import { join } from "node:path";
import type { ServerChannel } from "ssh2";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LibvirtConnection } from "../../../../provider/backends/libvirt/rpc/connection.js";
import { ConnectionLostError } from "../../../../provider/backends/libvirt/rpc/errors.js";
import {
  openTransport,
  remoteCommand,
  type SshCredentials,
  SshError,
  type Transport,
} from "../../../../provider/backends/libvirt/transport/index.js";
import { fingerprintOf } from "../../../../provider/config/host-key.js";
import { parseLibvirtUri } from "../../../../provider/config/host-uri.js";
import { type KeyPair, makeKey, scratch } from "./keys.js";
import { hostname, libvirtSocket } from "./libvirt-socket.js";
import { LibvirtHost } from "../../../../provider/backends/libvirt/host.js";
import { SshServer, type SshServerOptions } from "./ssh-server.js";

let hostKey: KeyPair, rsaHostKey: KeyPair, otherKey: KeyPair, userKey: KeyPair, lockedKey: KeyPair;
let libvirt: Server;
let socket: string;
const cleanups: (() => unknown)[] = [];

beforeAll(() => {
  [hostKey, otherKey, userKey] = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
  rsaHostKey = makeKey("rsa");
  lockedKey = makeKey("ed25519", "open sesame");
});

beforeEach(async () => {
  // Neither the agent nor the keys of the account that runs the tests.
  vi.stubEnv("SSH_AUTH_SOCK", "");
  vi.stubEnv("HOME", scratch());
  ({ path: socket, server: libvirt } = await libvirtSocket());
  cleanups.push(() => libvirt.close());
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.unstubAllEnvs();
});

async function sshd(options: Partial<SshServerOptions> = {}): Promise<SshServer> {
  const server = await SshServer.start({ hostKeys: [hostKey], authorized: [userKey], ...options });
  cleanups.push(() => server.stop());
  return server;
}

async function open(server: SshServer, query = "", credentials: SshCredentials = {}): Promise<Transport> {
  const uri = parseLibvirtUri(
    `qemu+ssh://virt@127.0.0.1:${server.port}/system?socket=${encodeURIComponent(socket)}&${query}`,
  );
  const transport = await openTransport(uri, {
    sshPrivateKey: userKey.privateKey,
    hostKey: hostKey.publicKey,
    ...credentials,
  });
  cleanups.push(() => transport.close());
  return transport;
}

function knownHosts(server: SshServer, ...keys: readonly KeyPair[]): string {
  const file = join(scratch(), "known_hosts");
  writeFileSync(file, keys.map((key) => `[127.0.0.1]:${server.port} ${key.publicKey}\n`).join(""));
  return file;
}

const failure = (promise: Promise<unknown>): Promise<SshError> =>
  promise.then(
    () => expect.unreachable(),
    (error: unknown) => {
      expect(error).toBeInstanceOf(SshError);
      return error as SshError;
    },
  );

describe("the host's key", () => {
  const noPin = { hostKey: undefined };

  it("that known_hosts holds is accepted", async () => {
    const server = await sshd();
    expect(await hostname(await open(server, `known_hosts=${knownHosts(server, otherKey, hostKey)}`, noPin))).toBe(
      "host1",
    );
  });

  it("of another kind than the server's first is asked for when it is the one that is known", async () => {
    const server = await sshd({ hostKeys: [hostKey, rsaHostKey] });
    expect(await hostname(await open(server, `known_hosts=${knownHosts(server, rsaHostKey)}`, noPin))).toBe("host1");
  });

  it("that differs is refused, before anything is said about the user", async () => {
    const server = await sshd();
    const error = await failure(open(server, `known_hosts=${knownHosts(server, otherKey)}`, noPin));
    expect(error.problem).toMatchObject({ code: "ssh-host-key-mismatch", where: `virt@127.0.0.1:${server.port}` });
    expect(error.message).toContain(fingerprintOf(hostKey.blob));
    expect(error.message).toContain(fingerprintOf(otherKey.blob));
    expect(server.users).toEqual([]);
  });

  it("that differs is refused in spite of no_verify=1, and taken with known_hosts_verify=ignore", async () => {
    const server = await sshd();
    const file = knownHosts(server, otherKey);
    expect((await failure(open(server, `known_hosts=${file}&no_verify=1`, noPin))).problem.code).toBe(
      "ssh-host-key-mismatch",
    );
    expect(await hostname(await open(server, `known_hosts=${file}&known_hosts_verify=ignore`, noPin))).toBe("host1");
  });

  it("that is not known is refused with its fingerprint, and taken with no_verify=1", async () => {
    const server = await sshd();
    const file = knownHosts(server);
    const error = await failure(open(server, `known_hosts=${file}`, noPin));
    expect(error.problem.code).toBe("ssh-host-key-unknown");
    expect(error.message).toContain(fingerprintOf(hostKey.blob));
    expect(server.users).toEqual([]);
    expect(await hostname(await open(server, `known_hosts=${file}&no_verify=1`, noPin))).toBe("host1");
  });

  it("is unknown when the user has no known_hosts file", async () => {
    expect((await failure(open(await sshd(), "", noPin))).problem.code).toBe("ssh-host-key-unknown");
  });

  it("that is revoked is refused", async () => {
    const server = await sshd();
    const file = knownHosts(server, hostKey);
    writeFileSync(file, `@revoked * ${hostKey.publicKey}\n`, { flag: "a" });
    expect((await failure(open(server, `known_hosts=${file}&no_verify=1`, noPin))).problem.code).toBe(
      "ssh-host-key-revoked",
    );
  });

  it("can be pinned, by key or by fingerprint", async () => {
    const server = await sshd();
    expect(await hostname(await open(server, "", { hostKey: `${hostKey.publicKey} root@host1` }))).toBe("host1");
    expect(await hostname(await open(server, "", { hostKey: fingerprintOf(hostKey.blob) }))).toBe("host1");
  });

  it("that is not the pinned one is refused, whatever known_hosts and no_verify say", async () => {
    const server = await sshd();
    const file = knownHosts(server, hostKey);
    for (const pin of [otherKey.publicKey, fingerprintOf(otherKey.blob)]) {
      const query = `known_hosts=${file}&known_hosts_verify=ignore`;
      expect((await failure(open(server, query, { hostKey: pin }))).problem.code).toBe("ssh-host-key-mismatch");
    }
  });

  it.each(["", "SHA256:short", "ssh-ed25519", "MD5:00:11", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA=="])(
    "can't be pinned as %j",
    async (pin) => {
      expect((await failure(open(await sshd(), "", { hostKey: pin }))).problem.code).toBe("ssh-host-key-pin");
    },
  );

  it("needs the known_hosts file that was named", async () => {
    expect((await failure(open(await sshd(), "known_hosts=/nowhere/known_hosts", noPin))).problem.code).toBe(
      "ssh-known-hosts",
    );
  });
});

describe("logging in", () => {
  const none = { sshPrivateKey: undefined };

  it("works with a key file, a locked one with its passphrase", async () => {
    const server = await sshd({ authorized: [userKey, lockedKey] });
    expect(await hostname(await open(server, `keyfile=${userKey.file}`, none))).toBe("host1");
    expect(
      await hostname(await open(server, `keyfile=${lockedKey.file}`, { ...none, sshPassphrase: "open sesame" })),
    ).toBe("host1");
    expect(server.users.at(-1)).toBe("virt");
  });

  it("works with a password, asked for in either way", async () => {
    for (const interactive of [false, true]) {
      const server = await sshd({ authorized: [], password: "hunter2", interactive });
      const way = "sshauth=password,keyboard-interactive";
      expect(await hostname(await open(server, way, { ...none, sshPassword: "hunter2" }))).toBe("host1");
    }
  });

  it("tells what was tried and what was not, and no secret", async () => {
    const server = await sshd({ authorized: [otherKey], password: "right" });
    const way = "sshauth=agent,privkey,password,keyboard-interactive";
    const error = await failure(open(server, way, { sshPassword: "hunter2" }));
    expect(error.problem.code).toBe("ssh-authentication");
    expect(error.message).toMatch(
      /Tried: configured private key, password; not tried: SSH agent \(SSH_AUTH_SOCK is not set\), password \(keyboard-interactive\) \(the host does not offer this method\)/,
    );
    expect(JSON.stringify(error) + error.message + (error.stack ?? "")).not.toMatch(/hunter2|PRIVATE KEY/);
  });

  it("goes on without an agent that does not answer", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", "/nowhere/agent");
    expect(await hostname(await open(await sshd()))).toBe("host1");
  });

  it("keeps to the order of sshauth", async () => {
    const server = await sshd({ authorized: [otherKey], password: "right" });
    const error = await failure(open(server, "sshauth=password,privkey", { sshPassword: "wrong" }));
    expect(error.message).toMatch(/Tried: password, configured private key;/);
  });

  it.each([
    ["is missing", () => "/nowhere/id"],
    ["is locked", () => lockedKey.file],
    ["is no key", () => knownHostsText()],
  ])("refuses a named key file that %s", async (_case, file) => {
    const error = await failure(open(await sshd(), `keyfile=${file()}`, none));
    expect(error.problem.code).toBe("ssh-key");
    expect(error.message).not.toContain("PRIVATE KEY");
  });

  const knownHostsText = () => {
    const file = join(scratch(), "id");
    writeFileSync(file, "no key");
    return file;
  };

  it("tells an unreachable host from one that refuses", async () => {
    const server = await sshd();
    await server.stop();
    expect((await failure(open(server))).problem.code).toBe("ssh-unreachable");
  });
});

describe("the way to libvirt's socket", () => {
  const helperTo = (path: () => string) => (_command: string, channel: ServerChannel) => {
    channel.pipe(connect(path())).pipe(channel);
  };
  const systemUri = (server: SshServer, query = "") =>
    parseLibvirtUri(`qemu+ssh://virt@127.0.0.1:${server.port}/system?${query}`);
  const credentials = () => ({ sshPrivateKey: userKey.privateKey, hostKey: hostKey.publicKey });
  const openSystem = async (server: SshServer, query = "") => {
    const transport = await openTransport(systemUri(server, query), credentials());
    cleanups.push(() => transport.close());
    return transport;
  };

  it("is virt-ssh-helper where the server does not forward", async () => {
    const server = await sshd({ forwarding: false, run: helperTo(() => socket) });
    expect(await hostname(await openSystem(server))).toBe("host1");
    expect(server.commands).toEqual(["virt-ssh-helper qemu:///system"]);
  });

  it("is virt-ssh-helper alone with proxy=native", async () => {
    const server = await sshd({ run: helperTo(() => socket) });
    expect(await hostname(await openSystem(server, "proxy=native&mode=direct"))).toBe("host1");
    expect(server.commands).toEqual(["virt-ssh-helper 'qemu:///system?mode=direct'"]);
  });

  it("that fails tells what the helper said", async () => {
    const server = await sshd({
      forwarding: false,
      run: (_command, channel) => {
        channel.stderr.write("sh: virt-ssh-helper: not found\n");
        channel.exit(127);
        channel.end();
      },
    });
    const { stream } = await openSystem(server);
    const error: unknown = await LibvirtConnection.open(stream, { where: "host1" }).catch(
      (problem: unknown) => problem,
    );
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect((error as Error).message).toMatch(
      /exited with status 127: sh: virt-ssh-helper: not found.*AllowStreamLocalForwarding/s,
    );
  });

  it("never puts a socket that the user named into a command", async () => {
    const server = await sshd({ forwarding: false, run: helperTo(() => socket) });
    expect((await failure(open(server))).problem.code).toBe("ssh-libvirt-socket");
    expect(server.commands).toEqual([]);
  });

  it("shares one SSH connection, until the last has gone", async () => {
    const server = await sshd();
    const [first, second] = await Promise.all([open(server), open(server)]);
    expect(await hostname(first)).toBe("host1");
    await first.close();
    expect(await hostname(second)).toBe("host1");
    expect(server.connections).toBe(1);
    await second.close();
    await open(server);
    expect(server.connections).toBe(2);
  });

  it("does not share with other credentials", async () => {
    const server = await sshd();
    await open(server);
    await failure(open(server, "", { sshPrivateKey: otherKey.privateKey }));
    expect(server.connections).toBe(2);
  });

  it("that is cut fails all calls, and can be opened again", async () => {
    const server = await sshd();
    const transport = await open(server);
    const connection = await LibvirtConnection.open(transport.stream, { where: "host1" });
    const calls = Promise.allSettled([1, 2, 3].map(() => connection.call("connect_get_capabilities", {})));
    server.drop();
    for (const outcome of await calls)
      expect(outcome).toMatchObject({ reason: expect.any(ConnectionLostError) as unknown });
    expect((await connection.ended).message).toContain("SSH connection was lost");
    expect(await hostname(await open(server))).toBe("host1");
  });

  it("of a host that is dead is closed, and holds no process", { timeout: 10_000 }, async () => {
    const server = await sshd();
    const transport = await open(server);
    server.freeze();
    await transport.close();
  });

  it("of a host that has reconnected leaves no session behind when it is closed", async () => {
    const server = await sshd();
    const accepted = once(libvirt, "connection") as Promise<[import("node:net").Socket]>;
    const uri = `qemu+ssh://virt@127.0.0.1:${server.port}/system?socket=${encodeURIComponent(socket)}`;
    const host = new LibvirtHost("host1", { uri, hostKey: hostKey.publicKey }, { sshPrivateKey: userKey.privateKey });
    const lost = await host.connection();
    (await accepted)[0].destroy();
    await lost.ended;
    expect(await host.connection()).not.toBe(lost);
    await host.close();
    await expect.poll(() => server.open).toBe(0);
  });

  it("that is hung up at once fails to open", async () => {
    const { stream } = await open(await sshd({ hangsUp: true }));
    await expect(LibvirtConnection.open(stream, { where: "host1" })).rejects.toBeInstanceOf(ConnectionLostError);
  });

  it("ends when libvirt ends", async () => {
    const server = await sshd();
    const accepted = once(libvirt, "connection") as Promise<[import("node:net").Socket]>;
    const { stream } = await open(server);
    const connection = LibvirtConnection.open(stream, { where: "host1" });
    const client = (await accepted)[0];
    await connection;
    client.destroy();
    await expect((await connection).ended).resolves.toBeInstanceOf(ConnectionLostError);
  });
});

describe("a command on the host", () => {
  const cat = (_command: string, channel: ServerChannel) => {
    channel.on("data", (chunk: Buffer) => channel.write(chunk));
    channel.on("end", () => {
      channel.stderr.write("done");
      channel.exit(3);
      channel.end();
    });
  };

  it("gets its standard input and gives its output and status", async () => {
    const server = await sshd({ run: cat });
    const { exec } = await open(server);
    await expect(exec?.(remoteCommand`cat -`, "'; rm -rf /")).resolves.toEqual({
      code: 3,
      stdout: "'; rm -rf /",
      stderr: "done",
    });
    expect(server.commands).toEqual(["cat -"]);
  });

  it("that says too much fails", async () => {
    const { exec } = await open(await sshd({ run: cat }));
    await expect(exec?.(remoteCommand`cat`, "x".repeat(100), { maxOutputBytes: 99 })).rejects.toThrow(
      /more than 99 bytes/,
    );
  });

  it("that the host refuses fails", async () => {
    const { exec } = await open(await sshd());
    await expect(exec?.(remoteCommand`cat`)).rejects.toMatchObject({ problem: { code: "ssh-exec" } });
  });

  it("ends with the signal, and with the connection", async () => {
    const server = await sshd({ run: () => undefined });
    const { exec } = await open(server);
    const stop = new AbortController();
    const aborted = exec?.(remoteCommand`sleep 9`, "", { signal: stop.signal });
    const lost = exec?.(remoteCommand`sleep 9`);
    await vi.waitFor(() => expect(server.commands).toHaveLength(2));
    stop.abort(new Error("stop"));
    await expect(aborted).rejects.toThrow("stop");
    server.drop();
    await expect(lost).rejects.toMatchObject({ problem: { code: "ssh-lost" } });
  });
});

describe("the local socket", () => {
  it("is connected to", async () => {
    const transport = await openTransport(parseLibvirtUri(`qemu+unix:///system?socket=${socket}`));
    expect(await hostname(transport)).toBe("host1");
    expect(transport.exec).toBeUndefined();
    await transport.close();
  });

  it("that is not there is named", async () => {
    await expect(openTransport(parseLibvirtUri("qemu+unix:///system?socket=/nowhere/sock"))).rejects.toMatchObject({
      problem: { code: "libvirt-socket", where: "/nowhere/sock" },
    });
  });
});

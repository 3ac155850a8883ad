/** `command=` in the URI: the system's own ssh. Its servers are in this process, the client is OpenSSH's. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { ServerChannel } from "ssh2";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LibvirtHost } from "../../../../provider/backends/libvirt/host.js";
import { LibvirtConnection } from "../../../../provider/backends/libvirt/rpc/connection.js";
import {
  openTransport,
  parseLibvirtUri,
  remoteCommand,
  type SshOptions,
  type Transport,
} from "../../../../provider/backends/libvirt/transport/index.js";
import { argumentsOf, SystemSsh } from "../../../../provider/backends/libvirt/transport/system-ssh.js";
import type { SshUri } from "../../../../provider/config/host-uri.js";
import { need } from "../../../../toolchain/requirement.js";
import { ssh } from "../../../programs.js";
import { isolatedSsh } from "./isolated.js";
import { type KeyPair, makeKey, scratch } from "./keys.js";
import { hostname, libvirtSocket } from "./libvirt-socket.js";
import { SshServer, type SshServerOptions } from "./ssh-server.js";

let hostKey: KeyPair, otherKey: KeyPair, userKey: KeyPair;
let socket: string;
const isolated = isolatedSsh();

beforeAll(() => {
  [hostKey, otherKey, userKey] = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
});

beforeEach(async () => {
  const libvirt = await libvirtSocket();
  socket = libvirt.path;
  isolated.atEnd(() => libvirt.server.close());
});

/** As a host's shell runs what it is given, with libvirt's helper in front of the socket. */
function shell(command: string, channel: ServerChannel): void {
  if (command.startsWith("virt-ssh-helper")) {
    channel.pipe(connect(socket)).pipe(channel);
    return;
  }
  const child = spawn("sh", ["-c", command], { stdio: "pipe" });
  channel.pipe(child.stdin);
  channel.on("close", () => child.kill());
  child.stdin.on("error", () => undefined);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.once("close", (code) => {
    channel.exit(code ?? 1);
    channel.end();
  });
}

interface Options extends Partial<SshServerOptions> {
  readonly known?: readonly KeyPair[];
  readonly config?: string;
}

async function host(options: Options = {}): Promise<{ server: SshServer; sshConfig: string }> {
  const server = await isolated.start({ hostKeys: [hostKey], authorized: [userKey], run: shell, ...options });
  const folder = scratch();
  const known = join(folder, "known_hosts");
  writeFileSync(
    known,
    (options.known ?? [hostKey]).map((key) => `[127.0.0.1]:${server.port} ${key.publicKey}\n`).join(""),
  );
  const sshConfig = join(folder, "config");
  writeFileSync(
    sshConfig,
    [
      "Host kvm1",
      "  HostName 127.0.0.1",
      `  Port ${server.port}`,
      `  IdentityFile ${userKey.file}`,
      `  UserKnownHostsFile ${known}`,
      `  ${options.config ?? ""}`,
    ].join("\n"),
  );
  return { server, sshConfig };
}

async function open(sshConfig: string, query = "", options: SshOptions = {}): Promise<Transport> {
  const uri = parseLibvirtUri(`qemu+ssh://virt@kvm1/system?command=${need(ssh)}&${query}`);
  const transport = await openTransport(uri, { sshConfig, ...options });
  isolated.atEnd(() => transport.close());
  return transport;
}

/** Why libvirt was not reached. */
async function failure(sshConfig: string, query = ""): Promise<unknown> {
  const { stream } = await open(sshConfig, query);
  const error: unknown = await LibvirtConnection.open(stream, { where: "host1" }).catch((reason: unknown) => reason);
  return (error as Error).cause;
}

describe("the system's ssh", () => {
  it("is the way to libvirt, with its own configuration", async () => {
    const { server, sshConfig } = await host();
    expect(await hostname(await open(sshConfig))).toBe("host1");
    expect([...new Set(server.users)]).toEqual(["virt"]);
    expect(server.commands).toEqual(["virt-ssh-helper qemu:///system"]);
  });

  it("runs commands: their input, output and status", async () => {
    const { sshConfig } = await host();
    const { exec } = await open(sshConfig);
    await expect(exec?.(remoteCommand`cat; echo done >&2; exit 3`, "'; rm -rf /")).resolves.toEqual({
      code: 3,
      stdout: "'; rm -rf /",
      stderr: "done\n",
    });
  });

  it("starts what talks for a while, and ends it with the transport", async () => {
    const { server, sshConfig } = await host();
    const transport = await open(sshConfig);
    const running = await transport.start?.(remoteCommand`exec cat`);
    running?.stdin.write("hello\n");
    const answer = new Promise((resolve) => running?.stdout.once("data", (chunk: Buffer) => resolve(String(chunk))));
    expect(await answer).toBe("hello\n");
    await transport.close();
    await expect.poll(() => server.open).toBe(0);
  });

  it("gives up a command that says too much, takes too long or is not wanted any more", async () => {
    const { sshConfig } = await host();
    const { exec } = await open(sshConfig);
    await expect(exec?.(remoteCommand`yes`, "", { maxOutputBytes: 99 })).rejects.toThrow(/more than 99 bytes/);
    await expect(exec?.(remoteCommand`sleep 60`, "", { timeoutMs: 100 })).rejects.toThrow(
      /did not finish within 0\.1 s/,
    );
    const stop = new AbortController();
    const aborted = exec?.(remoteCommand`sleep 60`, "", { signal: stop.signal });
    stop.abort(new Error("stop"));
    await expect(aborted).rejects.toThrow("stop");
  });

  it("verifies the host's key, whatever its configuration says", async () => {
    const unknown = await host({ known: [], config: "StrictHostKeyChecking no" });
    expect(await failure(unknown.sshConfig)).toMatchObject({
      problem: { code: "ssh-host-key-unknown" },
      refused: true,
    });
    expect(unknown.server.users).toEqual([]);
    const other = await host({ known: [otherKey], config: "StrictHostKeyChecking no" });
    expect(await failure(other.sshConfig, "no_verify=1")).toMatchObject({ problem: { code: "ssh-host-key-mismatch" } });
    expect(other.server.users).toEqual([]);
    const fresh = await host({ known: [] });
    expect(await hostname(await open(fresh.sshConfig, "no_verify=1"))).toBe("host1");
    expect(await hostname(await open((await host({ known: [] })).sshConfig, "known_hosts_verify=ignore"))).toBe(
      "host1",
    );
  });

  it("reads the known_hosts and the key that the URI names", async () => {
    const { server, sshConfig } = await host({ known: [], authorized: [otherKey] });
    const known = join(scratch(), "known 100%d");
    writeFileSync(known, `[127.0.0.1]:${server.port} ${hostKey.publicKey}\n`);
    const query = `known_hosts=${encodeURIComponent(known)}&keyfile=${otherKey.file}`;
    expect(await hostname(await open(sshConfig, query))).toBe("host1");
  });

  it("that is not let in, or finds no host or no helper, says so", async () => {
    const refused = await host({ authorized: [otherKey] });
    expect(await failure(refused.sshConfig)).toMatchObject({
      problem: {
        code: "ssh-authentication",
        remedy: expect.stringMatching(/Try it by hand: \S+ -l virt -- kvm1 true$/) as unknown,
      },
      refused: true,
    });
    const gone = await host();
    await gone.server.stop();
    expect(await failure(gone.sshConfig)).toMatchObject({ problem: { code: "ssh-unreachable" }, refused: false });
    const without = await host({
      run: (_, channel) => {
        channel.stderr.write("sh: virt-ssh-helper: not found\n");
        channel.exit(127);
        channel.end();
      },
    });
    expect(await failure(without.sshConfig)).toMatchObject({
      problem: {
        code: "ssh-libvirt-socket",
        what: expect.stringMatching(/exited with status 127: sh: virt-ssh-helper: not found/) as unknown,
      },
    });
    expect(await failure((await host({ config: "NoSuchOption yes" })).sshConfig)).toMatchObject({
      problem: { code: "ssh-config" },
    });
  });

  it("whose key is refused makes the host refused, not unreachable", async () => {
    const { sshConfig } = await host({ authorized: [otherKey] });
    const uri = `qemu+ssh://virt@kvm1/system?command=${need(ssh)}`;
    const reached = new LibvirtHost("host1", { uri }, { sshConfig });
    await expect(reached.connection()).rejects.toMatchObject({ problem: { code: "host-refused" } });
    await reached.close();
  });

  it("that is not there is named", async () => {
    const { sshConfig } = await host();
    const { stream } = await openTransport(parseLibvirtUri("qemu+ssh://kvm1/system?command=/nowhere/ssh"), {
      sshConfig,
    });
    const error: unknown = await LibvirtConnection.open(stream, { where: "host1" }).catch((reason: unknown) => reason);
    expect((error as Error).cause).toMatchObject({
      problem: { code: "ssh-command", what: 'Unable to start "/nowhere/ssh", which command= in the URI names' },
    });
  });

  it("that fails is quoted with the line that says why", async () => {
    const failing = join(scratch(), "ssh");
    const says = "Received disconnect from UNKNOWN port 65535:2: Too many authentication failures";
    writeFileSync(
      failing,
      `#!/bin/sh\nprintf '%s\\n' '${says}' 'Disconnected from UNKNOWN port 65535' >&2\nexit 255\n`,
      {
        mode: 0o700,
      },
    );
    const transport = await openTransport(parseLibvirtUri(`qemu+ssh://kvm1/system?command=${failing}`));
    isolated.atEnd(() => transport.close());
    await expect(transport.exec?.(remoteCommand`true`)).rejects.toMatchObject({
      problem: { code: "ssh-authentication", what: `${failing} failed: ${says}` },
    });
  });

  it("that does not get through is given up", async () => {
    const slow = join(scratch(), "ssh");
    writeFileSync(slow, "#!/bin/sh\nexec sleep 60\n", { mode: 0o700 });
    const uri = parseLibvirtUri(`qemu+ssh://kvm1/system?command=${slow}`) as SshUri & { command: string };
    const transport = SystemSsh.of(uri, {}, { connectMs: 100 });
    isolated.atEnd(() => transport.close());
    await expect(LibvirtConnection.open(transport.openLibvirt(), { where: "host1" })).rejects.toThrow(
      /did not connect to libvirt within 0\.1 s/,
    );
  });

  it.each<[string, SshOptions, RegExp]>([
    ["a private key", { sshPrivateKey: "x" }, /Unable to use sshPrivateKey with command=.*hostCredentials/],
    ["a password", { sshPassword: "hunter2" }, /Unable to use sshPassword with command=/],
    ["a pinned host key", { hostKey: "SHA256:x" }, /Unable to use hostKey with command=.*known_hosts/],
  ])("is not given %s, which is an error", async (_, options, message) => {
    const opening = openTransport(parseLibvirtUri("qemu+ssh://kvm1/system?command=ssh"), options);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/hunter2/);
  });

  it("gets words that no shell reads, and none of this process's secrets", async () => {
    const folder = scratch();
    const [program, seen] = [join(folder, "ssh"), join(folder, "seen")];
    writeFileSync(
      program,
      `#!/bin/sh\nprintf '%s\\n' "$@" > ${seen}.new\nenv >> ${seen}.new\nmv ${seen}.new ${seen}\n`,
      { mode: 0o700 },
    );
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "hunter2");
    vi.stubEnv("SSH_AUTH_SOCK", "/run/agent");
    const user = encodeURIComponent("-oProxyCommand=touch /tmp/owned;$(id)");
    const uri = `qemu+ssh://${user}@kvm1:2222/system?command=${program}&keyfile=${userKey.file}`;
    const transport = await openTransport(parseLibvirtUri(uri));
    isolated.atEnd(() => transport.close());
    await vi.waitFor(() => expect(existsSync(seen)).toBe(true));
    const lines = readFileSync(seen, "utf8").split("\n");
    const at = lines.indexOf("-l");
    expect(lines.slice(at - 2, at + 7)).toEqual([
      "-p",
      "2222",
      "-l",
      "-oProxyCommand=touch /tmp/owned;$(id)",
      "-i",
      userKey.file,
      "--",
      "kvm1",
      "virt-ssh-helper qemu:///system",
    ]);
    expect(lines).toContain("BatchMode=yes");
    expect(lines).toContain("SSH_AUTH_SOCK=/run/agent");
    expect(lines.join("\n")).not.toContain("hunter2");
  });

  it("leaves port and user to its configuration where the URI says none", () => {
    const uri = parseLibvirtUri("qemu+ssh://kvm1/system?command=ssh");
    if (uri.transport !== "ssh") throw new Error("is of SSH");
    const words = argumentsOf(uri, remoteCommand`true`);
    for (const option of ["-p", "-l", "-i", "-F"]) expect(words).not.toContain(option);
    expect(words.slice(-3)).toEqual(["--", "kvm1", "true"]);
  });
});

/** A host that runs something else than this package's announcer, or says what it likes. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { startAnnouncer } from "../../provider/backends/libvirt/announcer/announcer.js";
import { LibvirtHost } from "../../provider/backends/libvirt/host.js";
import { parseLibvirtUri, remotePython, type RunningCommand } from "../../provider/backends/libvirt/transport/index.js";
import { SshSession } from "../../provider/backends/libvirt/transport/ssh.js";
import { targetOf } from "../../provider/backends/libvirt/transport/ssh-target.js";
import { findOnPath } from "../../toolchain/pulumi.js";
import { makeKey } from "../backends/libvirt/transport/keys.js";
import { SshServer } from "../backends/libvirt/transport/ssh-server.js";

class TalkativeHost extends LibvirtHost {
  readonly stdout = new PassThrough();
  readonly stdin = new PassThrough();
  constructor() {
    super("host1", { uri: "qemu:///system", networks: {}, maintenance: false }, {});
  }
  override commands(): Promise<() => Promise<RunningCommand>> {
    const { stdin, stdout } = this;
    return Promise.resolve(() => Promise.resolve({ stdin, stdout, stderr: new PassThrough() }));
  }
}

const task = { bridge: "br0", mac: "52:54:00:00:00:01", addresses: [], seconds: 60 };

async function started() {
  const host = new TalkativeHost();
  const seen = { ports: 0, givenUp: [] as string[] };
  const starting = startAnnouncer(host, task, {
    onPort: () => (seen.ports += 1),
    onGivenUp: (why) => seen.givenUp.push(why),
  });
  host.stdout.write('{"ready": true}\n');
  const announcer = await starting;
  if (typeof announcer === "string") throw new Error(announcer);
  return { host, seen, announcer };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("X18: a line without an end is not kept", async () => {
  const { host, seen } = await started();
  const before = process.memoryUsage().rss;
  for (let sent = 0; sent < 256; sent += 1) {
    if (!host.stdout.destroyed) host.stdout.write("x".repeat(1024 * 1024));
    await turn();
  }
  expect(seen.givenUp).toEqual(['the announcer on "host1" sent a line of more than 1024 characters']);
  expect(host.stdout.destroyed).toBe(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
});

test("X18: a thousand sayings are heard, and no more", async () => {
  const { host, seen, announcer } = await started();
  for (let sent = 0; sent < 50; sent += 1) {
    if (!host.stdout.destroyed) host.stdout.write('{"port": "vnet0", "at": 1}\n'.repeat(1000));
    await turn();
  }
  expect(seen.ports).toBeLessThan(1000);
  expect(seen.ports).toBeGreaterThan(900);
  expect(seen.givenUp).toEqual(['the announcer on "host1" sent more than 1000 lines']);
  expect(await announcer.seenBehind((port) => port === "eth0", 0.01)).toBe(false);
});

test("X18: what it complains of is one bounded line", async () => {
  const host = new TalkativeHost();
  const starting = startAnnouncer(host, task);
  host.stdout.end();
  expect(await starting).toMatch(/^python3 on "host1" ended: /);
});

test("a host that runs no commands is told of without the program's text", async () => {
  const [hostKey, userKey] = [makeKey("ed25519"), makeKey("ed25519")];
  const server = await SshServer.start({ hostKeys: [hostKey], authorized: [userKey] });
  onTestFinished(() => server.stop());
  const uri = parseLibvirtUri(`qemu+ssh://virt@127.0.0.1:${server.port}/system?sshauth=privkey`);
  if (uri.transport !== "ssh") throw new Error("is of SSH");
  const session = await SshSession.open(await targetOf(uri), {
    sshPrivateKey: userKey.privateKey,
    hostKey: hostKey.publicKey,
  });
  const error = await session.start(remotePython("print('a program')")).catch((reason: unknown) => reason);
  await session.close();
  expect(String(error)).toContain('Unable to run "python3 -I -c …" on the host');
  expect(String(error)).not.toContain("a program");
});

const python = findOnPath("python3", process.env["PATH"] ?? "");

test.skipIf(python === undefined)("X29: its Python takes no module from the account's folder or environment", () => {
  const folder = mkdtempSync(join(tmpdir(), "home-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ["json", "array", "sitecustomize"])
    writeFileSync(join(folder, `${name}.py`), "import sys\nsys.stdout.write('owned')\n");
  const ran = execFileSync("sh", ["-c", remotePython(`import json, array\nprint("it's", json.loads("1"))`).text], {
    cwd: folder,
    env: { ...process.env, HOME: folder, PYTHONPATH: folder },
    encoding: "utf8",
  });
  expect(ran).toBe("it's 1\n");
});

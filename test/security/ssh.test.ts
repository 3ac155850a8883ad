/** A host that is not what it says, or asks for more than it should get, over SSH. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MacAlgorithm } from "ssh2";
import { beforeAll, describe, expect, test } from "vitest";
import { parseLibvirtUri } from "../../provider/backends/libvirt/transport/index.js";
import type { SshCredentials } from "../../provider/backends/libvirt/transport/index.js";
import { SshSession } from "../../provider/backends/libvirt/transport/ssh.js";
import { targetOf } from "../../provider/backends/libvirt/transport/ssh-target.js";
import { isolatedSsh } from "../backends/libvirt/transport/isolated.js";
import { makeKey, scratch, type KeyPair } from "../backends/libvirt/transport/keys.js";
import { SshServer, type SshServerOptions } from "../backends/libvirt/transport/ssh-server.js";

let hostKey: KeyPair, otherKey: KeyPair, userKey: KeyPair;
const isolated = isolatedSsh();

beforeAll(() => {
  [hostKey, otherKey, userKey] = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
});

function sshd(options: Partial<SshServerOptions> = {}): Promise<SshServer> {
  return isolated.start({ hostKeys: [hostKey], authorized: [userKey], ...options });
}

/** Undefined: logged in. */
async function logIn(server: SshServer, query: string, credentials: SshCredentials): Promise<string | undefined> {
  const uri = parseLibvirtUri(`qemu+ssh://virt@127.0.0.1:${server.port}/system?${query}`);
  if (uri.transport !== "ssh") throw new Error("is of SSH");
  try {
    const session = await SshSession.open(await targetOf(uri), credentials);
    await session.close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("X5: the cluster's password", () => {
  const password = "cluster-wide";

  test("is not given to a host that refuses keys and asks for it", async () => {
    const evil = await sshd({ authorized: [otherKey], password: "any" });
    const refusal = await logIn(evil, "", {
      sshPrivateKey: userKey.privateKey,
      sshPassword: password,
      hostKey: hostKey.publicKey,
    });
    expect(refusal).toMatch(
      /not tried: .*password \(not in the host's URI; to allow it, add sshauth=agent,privkey,password\)/,
    );
    expect(evil.told).toEqual([]);
  });

  test("is given where the host's URI names it", async () => {
    const server = await sshd({ authorized: [], password });
    expect(await logIn(server, "sshauth=password", { sshPassword: password, hostKey: hostKey.publicKey })).toBe(
      undefined,
    );
  });

  test.each(["OTP for evil: ", "Verification code: ", "Old password, to be sent to all: ", ""])(
    "is no answer to %j",
    async (question) => {
      const evil = await sshd({ authorized: [], password: "any", interactive: true, question });
      const way = "sshauth=keyboard-interactive";
      expect(await logIn(evil, way, { sshPassword: password, hostKey: hostKey.publicKey })).toMatch(/Unable to log in/);
      expect(evil.told.join("")).toBe("");
    },
  );

  test.each(["Password: ", "Password:", "(virt@host1) Password: ", "password: "])(
    "is the answer to %j",
    async (question) => {
      const server = await sshd({ authorized: [], password, interactive: true, question });
      const way = "sshauth=keyboard-interactive";
      expect(await logIn(server, way, { sshPassword: password, hostKey: hostKey.publicKey })).toBe(undefined);
    },
  );
});

describe("X10: a new host's key that no_verify=1 takes", () => {
  const credentials = () => ({ sshPrivateKey: userKey.privateKey });

  test("is kept, and another one is refused from then on", async () => {
    const known = join(scratch(), "known_hosts");
    const first = await sshd();
    const query = `no_verify=1&known_hosts=${known}`;
    expect(await logIn(first, query, credentials())).toBe(undefined);
    expect(readFileSync(known, "utf8").trim()).toBe(`[127.0.0.1]:${first.port} ${hostKey.publicKey}`);
    expect(await logIn(first, query, credentials())).toBe(undefined);
    expect(readFileSync(known, "utf8").trim().split("\n")).toHaveLength(1);
    await first.stop();

    const second = await sshd({ hostKeys: [otherKey], port: first.port });
    expect(await logIn(second, query, credentials())).toMatch(/presented a different key than expected/);
    expect(second.users).toEqual([]);
  });

  test("is kept in the user's own known_hosts, which is made where there is none", async () => {
    const server = await sshd();
    expect(await logIn(server, "known_hosts_verify=auto", credentials())).toBe(undefined);
    const file = join(process.env["HOME"] ?? "", ".ssh/known_hosts");
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toContain(hostKey.publicKey);
  });

  test("is refused, and nothing is told to the host, where it cannot be kept", async () => {
    const server = await sshd({ authorized: [], password: "p" });
    const inNoFolder = join(scratch(), "file");
    writeFileSync(inNoFolder, "");
    const query = `sshauth=password&no_verify=1&known_hosts=${inNoFolder}/known_hosts`;
    expect(await logIn(server, query, { sshPassword: "p" })).toMatch(/known_hosts/);
    expect(server.told).toEqual([]);
  });
});

describe("X31: a private key that other users may read", () => {
  test("is refused where it is named", async () => {
    const server = await sshd();
    chmodSync(userKey.file, 0o644);
    isolated.atEnd(() => chmodSync(userKey.file, 0o600));
    expect(await logIn(server, `keyfile=${userKey.file}`, { hostKey: hostKey.publicKey })).toBe(
      `Unable to use the key file "${userKey.file}": other users of this machine may read it (virt@127.0.0.1:${server.port}). Run chmod 600 ${userKey.file}.`,
    );
  });

  test("is used where they may not", async () => {
    const server = await sshd();
    expect(await logIn(server, `keyfile=${userKey.file}`, { hostKey: hostKey.publicKey })).toBe(undefined);
  });
});

describe("X32: lines of known_hosts that are not understood", () => {
  const fileOf = (text: string): string => {
    const file = join(scratch(), "known_hosts");
    writeFileSync(file, text);
    return file;
  };

  test("a revocation that cannot be read lets no host in", async () => {
    const server = await sshd();
    const known = fileOf(`[127.0.0.1]:${server.port} ${hostKey.publicKey}\n@revoked * ssh-ed25519 AAAA-broken\n`);
    expect(await logIn(server, `known_hosts=${known}`, { sshPrivateKey: userKey.privateKey })).toMatch(
      `Unable to read the revoked key on ${known}:2`,
    );
    expect(server.users).toEqual([]);
  });

  test("an authority for host certificates is named in the refusal of a host that is not known", async () => {
    const server = await sshd();
    const known = fileOf(`@cert-authority * ${otherKey.publicKey}\n`);
    expect(await logIn(server, `known_hosts=${known}`, { sshPrivateKey: userKey.privateKey })).toMatch(
      /The host's key is not in known_hosts\. .*known_hosts:1: host certificates are not supported/,
    );
  });
});

describe("SHA-1", () => {
  // Of a cipher that needs a MAC: those of GCM need none.
  const only = (mac: MacAlgorithm) => sshd({ algorithms: { cipher: ["aes256-ctr"], hmac: [mac] } });
  const credentials = () => ({ sshPrivateKey: userKey.privateKey, hostKey: hostKey.publicKey });

  test.each(["hmac-sha1", "hmac-sha1-etm@openssh.com"] as const)("is not taken as MAC %s", async (mac) => {
    const server = await only(mac);
    expect(await logIn(server, "", credentials())).toMatch(/Unable to set up an SSH connection.*no matching/i);
    expect(server.users).toEqual([]);
  });

  test.each(["hmac-sha2-256", "hmac-sha2-512-etm@openssh.com"] as const)("is not needed beside %s", async (mac) => {
    expect(await logIn(await only(mac), "", credentials())).toBe(undefined);
  });
});

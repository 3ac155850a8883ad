/** Which keys are offered to a host, and in which order: it counts them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { SshCredentials, SshError } from "../../../../provider/backends/libvirt/transport/index.js";
import { type SessionOptions, SshSession } from "../../../../provider/backends/libvirt/transport/ssh.js";
import { targetOf } from "../../../../provider/backends/libvirt/transport/ssh-target.js";
import { parseLibvirtUri } from "../../../../provider/config/host-uri.js";
import { agentWith, deafAgent } from "./agent.js";
import { isolatedSsh } from "./isolated.js";
import { type KeyPair, makeKey, scratch } from "./keys.js";
import { SshServer, type SshServerOptions } from "./ssh-server.js";

let hostKey: KeyPair, userKey: KeyPair, lockedKey: KeyPair, others: readonly KeyPair[];
const isolated = isolatedSsh();

beforeAll(() => {
  [hostKey, userKey] = [makeKey("ed25519"), makeKey("ed25519")];
  lockedKey = makeKey("ed25519", "open sesame");
  others = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
});

function sshd(options: Partial<SshServerOptions> = {}): Promise<SshServer> {
  return isolated.start({ hostKeys: [hostKey], authorized: [userKey], maxTries: 2, ...options });
}

async function agent(keys: readonly KeyPair[], passphrase?: string): Promise<void> {
  const { socket, stop } = await agentWith(keys, passphrase);
  isolated.atEnd(stop);
  vi.stubEnv("SSH_AUTH_SOCK", socket);
}

interface Login {
  readonly query?: string;
  readonly config?: string;
  readonly credentials?: SshCredentials;
  readonly options?: SessionOptions;
}

/** Undefined: logged in. */
async function logIn(
  server: SshServer,
  { query = "", config, credentials, options }: Login,
): Promise<string | undefined> {
  const uri = parseLibvirtUri(`qemu+ssh://virt@127.0.0.1:${server.port}/system?${query}`);
  if (uri.transport !== "ssh") throw new Error("is of SSH");
  let file: string | undefined;
  if (config !== undefined) {
    file = join(scratch(), "config");
    writeFileSync(file, config);
  }
  try {
    const target = await targetOf(uri, file);
    const session = await SshSession.open(target, { hostKey: hostKey.publicKey, ...credentials }, options);
    await session.close();
    return undefined;
  } catch (error) {
    return (error as SshError).message;
  }
}

const offered = (server: SshServer): readonly string[] => [...new Set(server.offered)];
const blobs = (...keys: readonly KeyPair[]): readonly string[] => keys.map(({ blob }) => blob.toString("base64"));

describe("a key that is named comes before the agent's other keys", () => {
  it.each<[string, () => Login]>([
    ["in the URI", () => ({ query: `keyfile=${userKey.file}` })],
    ["in the SSH configuration", () => ({ config: `IdentityFile ${userKey.file}` })],
    ["in the stack's configuration", () => ({ credentials: { sshPrivateKey: userKey.privateKey } })],
  ])("%s", async (_, login) => {
    await agent(others);
    const server = await sshd();
    expect(await logIn(server, login())).toBeUndefined();
    expect(offered(server)).toEqual(blobs(userKey));
  });

  it("where the agent has it and its file is locked", async () => {
    await agent([...others, lockedKey], "open sesame");
    const server = await sshd({ authorized: [lockedKey] });
    expect(await logIn(server, { query: `keyfile=${lockedKey.file}` })).toBeUndefined();
    expect(offered(server)).toEqual(blobs(lockedKey));
  });

  it("where the agent has it and its public part alone is here", async () => {
    await agent([...others, userKey]);
    const server = await sshd();
    const file = join(scratch(), "id.pub");
    writeFileSync(file, `${userKey.publicKey} me@here\n`);
    expect(await logIn(server, { config: `IdentityFile ${file}` })).toBeUndefined();
    expect(offered(server)).toEqual(blobs(userKey));
  });

  it("and is offered once, where the agent has it, too", async () => {
    await agent([userKey, ...others]);
    const server = await sshd({ authorized: [others[0] ?? userKey], maxTries: 9 });
    expect(await logIn(server, { query: `keyfile=${userKey.file}` })).toBeUndefined();
    expect(offered(server)).toEqual(blobs(userKey, others[0] ?? userKey));
  });
});

it("without a named key the agent's come before the usual files", async () => {
  await agent([userKey]);
  const server = await sshd();
  expect(await logIn(server, {})).toBeUndefined();
  expect(offered(server)).toEqual(blobs(userKey));
});

it("IdentitiesOnly leaves the agent's other keys out, and the error says so", async () => {
  await agent(others);
  const server = await sshd({ maxTries: 9 });
  const [first] = others;
  const config = `IdentitiesOnly yes\nIdentityFile ${first?.file ?? ""}`;
  expect(await logIn(server, { config })).toMatch(/not tried: the SSH agent's 2 other keys \(IdentitiesOnly\)/);
  expect(offered(server)).toEqual(blobs(...others.slice(0, 1)));
});

it("an end after too many keys says which were tried", async () => {
  await agent(others);
  expect(await logIn(await sshd({ maxTries: 1 }), {})).toMatch(
    /Unable to log in\. Tried: SSH agent's key .*, SSH agent's key/,
  );
});

it("the configuration's agent is asked, or none", async () => {
  const { socket, stop } = await agentWith([userKey]);
  isolated.atEnd(stop);
  expect(await logIn(await sshd(), { config: `IdentityAgent ${socket}` })).toBeUndefined();
  vi.stubEnv("SSH_AUTH_SOCK", socket);
  expect(await logIn(await sshd(), { config: "IdentityAgent none" })).toMatch(/not tried: SSH agent/);
  vi.stubEnv("OTHER_AGENT", socket);
  vi.stubEnv("SSH_AUTH_SOCK", "");
  expect(await logIn(await sshd(), { config: "IdentityAgent $OTHER_AGENT" })).toBeUndefined();
});

describe("an agent that does not answer", () => {
  it("is given up, and the login goes on without it", async () => {
    const deaf = await deafAgent();
    isolated.atEnd(() => deaf.stop());
    vi.stubEnv("SSH_AUTH_SOCK", deaf.socket);
    const options = { agentLimits: { listMs: 100 } };
    const server = await sshd();
    expect(await logIn(server, { credentials: { sshPrivateKey: userKey.privateKey }, options })).toBeUndefined();
    // What is left of it would hold the process.
    await expect.poll(deaf.open).toBe(0);
    expect(await logIn(server, { options })).toMatch(/not tried: SSH agent \/\S+ \(no answer within 0\.1 s\)/);
  });

  it("when it is to sign is given up, too", async () => {
    const [other = userKey] = others;
    const deaf = await deafAgent(other);
    isolated.atEnd(() => deaf.stop());
    vi.stubEnv("SSH_AUTH_SOCK", deaf.socket);
    const options = { agentLimits: { signMs: 100 } };
    const server = await sshd({ authorized: [other], password: "right", maxTries: 9 });
    const query = "sshauth=agent,password";
    expect(await logIn(server, { query, credentials: { sshPassword: "right" }, options })).toBeUndefined();
    await expect.poll(deaf.open).toBe(0);
    expect(await logIn(server, { query, options })).toMatch(/not tried: .*SSH agent \(it did not sign within 0\.1 s\)/);
  });
});

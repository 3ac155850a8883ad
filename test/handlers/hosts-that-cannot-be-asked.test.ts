/** Hosts that refuse a login, show another key, or do not answer: over real SSH connections, to a server in this process. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { HostRefused, HostUnreachable } from "../../provider/backends/libvirt/host-errors.js";
import { handlers } from "../../provider/handlers/registry.js";
import type { Handler, HandlerContext, StackConfig } from "../../provider/handlers/handler.js";
import { closeAll } from "../../provider/handlers/shutdown.js";
import { makeKey, scratch, type KeyPair } from "../backends/libvirt/transport/keys.js";
import { SshServer, type SshServerOptions } from "../backends/libvirt/transport/ssh-server.js";
import { bridgeProfile } from "../hosts/declared.js";
import { twoHosts, vm, type LabLike } from "../hosts/two-hosts.js";

let hostKey: KeyPair, otherKey: KeyPair, userKey: KeyPair, lockedKey: KeyPair;
beforeAll(() => {
  [hostKey, otherKey, userKey] = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
  lockedKey = makeKey("ed25519", "open sesame");
});

let lab: LabLike;
const servers: SshServer[] = [];
beforeEach(async () => {
  // Neither the agent nor the keys of this user.
  vi.stubEnv("SSH_AUTH_SOCK", "");
  vi.stubEnv("HOME", scratch());
  lab = await twoHosts();
});
afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) await server.stop();
  await lab.close();
  vi.unstubAllEnvs();
});

interface Way {
  readonly server?: Partial<SshServerOptions>;
  readonly keyFile?: () => KeyPair;
  readonly pin?: () => KeyPair | undefined;
  /** libvirt's socket there. Default: host2's. */
  readonly socket?: string;
  /** Through libvirt's own helper on the host instead. */
  readonly helper?: true;
  readonly stopped?: boolean;
}

/** The lab's configuration with `host2`, or both hosts, reached over SSH. */
async function over(way: Way, more: StackConfig = {}): Promise<StackConfig> {
  const server = await SshServer.start({ hostKeys: [hostKey], authorized: [userKey], ...way.server });
  servers.push(server);
  if (way.stopped === true) await server.stop();
  const { cluster } = lab.configuration;
  const { uri: local } = cluster.hosts["host2"] ?? { uri: "" };
  const socket = way.socket ?? new URL(local).searchParams.get("socket") ?? "";
  const knownHosts = join(scratch(), "known_hosts");
  writeFileSync(knownHosts, "");
  const pin = (way.pin ?? (() => hostKey))();
  const host2 = {
    uri: `qemu+ssh://virt@127.0.0.1:${server.port}/system?${way.helper === true ? "proxy=native" : `socket=${encodeURIComponent(socket)}`}&keyfile=${(way.keyFile ?? (() => userKey))().file}&known_hosts=${knownHosts}&sshauth=privkey`,
    ...(pin !== undefined && { hostKey: pin.publicKey }),
  };
  return { cluster: JSON.stringify({ ...cluster, hosts: { ...cluster.hosts, host2 } }), ...more };
}

const declared = {
  VnicProfile: { ...bridgeProfile, name: "other" },
  VmInterface: { vm: "web", profile: "11111111-2222-4333-8444-000000000001", mac: vm.mac },
  VmPlacement: { vm: "web", host: "host2" },
};
type Kind = keyof typeof declared;
const kinds = Object.keys(declared) as Kind[];
const handlerOf = (kind: Kind) => handlers[kind] as unknown as Handler<object, object>;

async function failuresOf(kind: Kind, config: StackConfig, command = {}) {
  const context: HandlerContext = lab.context({ config, command });
  return (await handlerOf(kind).check(context, declared[kind])).failures;
}

it("a host over SSH that lets this program in is asked as any other", async () => {
  const config = await over({});
  expect(await failuresOf("VnicProfile", config)).toEqual([]);
  expect(await failuresOf("VmPlacement", config)).toEqual([]);
  expect(lab.progress.warnings).toEqual([]);
});

const refused: readonly [string, Way, RegExp][] = [
  ["does not take the key", { keyFile: () => otherKey }, /"host2": Unable to log in\. Tried: key file /],
  ["needs a key that is locked", { keyFile: () => lockedKey }, /"host2": Unable to use the key file .* its passphrase/],
  [
    "shows another key",
    { pin: () => otherKey },
    /"host2": The host presented a different key than expected.*The connection may be intercepted/,
  ],
  [
    "is not known",
    { pin: () => undefined },
    /"host2": The host's key is not in known_hosts\. The host presented SHA256:.*add the key to known_hosts/,
  ],
  [
    "does not let its user use libvirt",
    {
      helper: true,
      server: {
        run: (_command, channel) => {
          channel.stderr.write("error: Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied");
          channel.exit(1);
          channel.end();
        },
      },
    },
    /"host2": .*Permission denied.*group libvirt/,
  ],
];

describe.each(refused)("a host that %s", (_, way, reason) => {
  it.each(kinds)("fails the check of a %s, whatever unreachableHosts is, and raises no warning", async (kind) => {
    const config = await over(way, { unreachableHosts: "warn" });
    expect(await failuresOf(kind, config)).toEqual([
      { property: expect.any(String) as string, reason: expect.stringMatching(reason) as string },
    ]);
    expect(lab.progress.warnings).toEqual([]);
  });

  it("leaves nothing for gone", async () => {
    const context = lab.context({ config: await over(way) });
    const read = (kind: Kind, id: string, state: object) => handlerOf(kind).read(context, id, state);
    await expect(read("VnicProfile", "11111111-2222-4333-8444-000000000001", declared.VnicProfile)).rejects.toThrow(
      HostRefused,
    );
    await expect(read("VmInterface", "db/1", { ...declared.VmInterface, vm: "db" })).rejects.toThrow(HostRefused);
    await expect(read("VmPlacement", "db", { vm: "db", host: "host1", missing: [] })).rejects.toThrow(HostRefused);
  });
});

const unreachable: readonly [string, Way, RegExp][] = [
  [
    "does not answer",
    { stopped: true },
    /^Unable to reach host "host2": Unable to connect \(virt@127.*ECONNREFUSED [\d.:]+\. Checks that need this host (were skipped|could not be made, .*)\. Check the host/,
  ],
  [
    "has no libvirt that answers",
    { socket: "/no/libvirt-sock" },
    /^Unable to reach host "host2": Unable to reach libvirt's socket/,
  ],
];

describe.each(unreachable)("a host that %s", (_, way, reason) => {
  it("is one warning in a command, and no failure", async () => {
    const config = await over(way);
    const command = {};
    for (const kind of kinds) expect(await failuresOf(kind, config, command)).toEqual([]);
    expect(lab.progress.warnings).toEqual([expect.stringMatching(reason)]);
    expect(lab.progress.warnings[0]).toMatch(/\. Checks that need this host were skipped\. [A-Z]/);
    expect(lab.progress.warnings[0]).not.toContain("\n");
  });

  it.each(kinds)("fails the check of a %s where the configuration says so", async (kind) => {
    const config = await over(way, { unreachableHosts: "error" });
    const [failure, ...more] = await failuresOf(kind, config);
    expect(more).toEqual([]);
    expect(failure?.reason).toMatch(reason);
    expect(failure?.reason).toContain('vnic-failover:unreachableHosts is "error"');
    expect(lab.progress.warnings).toEqual([]);
  });

  it("leaves nothing for gone", async () => {
    const context = lab.context({ config: await over(way) });
    const error: unknown = await handlerOf("VmPlacement")
      .read(context, "db", { vm: "db", host: "host1", missing: [] })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error).not.toBeInstanceOf(HostRefused);
  });
});

it("a refusal is told before a host that does not answer, whichever comes first", async () => {
  const config = await over({ keyFile: () => otherKey });
  lab.host1.close();
  for (const kind of kinds) {
    expect(await failuresOf(kind, config)).toEqual([
      {
        property: expect.any(String) as string,
        reason: expect.stringMatching(/host "host2": Unable to log in/) as string,
      },
    ]);
  }
});

it("a mistake in the configuration is told of a resource that is unchanged, too", async () => {
  const config: StackConfig = { cluster: '{"hosts":{"a":{"url":"x"}}}' };
  const check = handlerOf("VmPlacement").check(lab.context({ config }), declared.VmPlacement, declared.VmPlacement);
  await expect(check).rejects.toThrow('vnic-failover:cluster.hosts.a has an unknown key "url"; did you mean "uri"?');
});

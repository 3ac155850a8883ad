import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backendOf,
  ConfigError,
  isInRange,
  networkOn,
  parseConfiguration,
  parseEngineConfiguration,
  pfsOf,
  unknownKeysAmong,
  unreachableHostsOf,
} from "../../provider/config/index.js";
import { makeKey } from "../backends/libvirt/transport/keys.js";

const key = makeKey("ed25519").publicKey.trim();
const uri = "qemu+ssh://virt@host1/system";
const uri2 = "qemu+ssh://virt@host2/system";
const cluster = {
  hosts: { host1: { uri }, host2: { uri: uri2, networks: { data: { bridge: "br9" } } } },
  networks: { data: { bridge: "br0", mtu: 1500 }, "data-vf": { physicalFunctions: ["eth2"] } },
};

describe("the stack's configuration", () => {
  it("is read from JSON text, as Pulumi hands it over, and from objects", () => {
    const expected = { cluster: { ...cluster, hostCommands: true }, credentials: { sshPassword: "s" } };
    expect(parseConfiguration({ cluster, sshPassword: "s" })).toEqual(expected);
    expect(
      parseConfiguration({ cluster: JSON.stringify(cluster), sshPassword: "s", sshPassphrase: undefined }),
    ).toEqual(expected);
  });

  it("has PFs whole, or with a range of their VFs", () => {
    const physicalFunctions = ["eth2", { pf: "eth3", virtualFunctions: "2-7" }, { pf: "eth4" }];
    const read = parseConfiguration({ cluster: { ...cluster, networks: { data: {}, n: { physicalFunctions } } } });
    const [eth2, eth3, eth4] = pfsOf(read.cluster.networks["n"]) ?? [];
    expect([eth2, eth3, eth4]).toEqual([{ name: "eth2" }, { name: "eth3", virtualFunctions: "2-7" }, { name: "eth4" }]);
    const numbers = [0, 1, 2, 7, 8];
    const inside = (virtualFunctions: string) =>
      numbers.filter((number) => isInRange({ name: "eth3", virtualFunctions }, number));
    expect([inside("2-7"), inside("0, 7-8"), inside("1")]).toEqual([[2, 7], [0, 7, 8], [1]]);
    expect(numbers.filter((number) => isInRange({ name: "eth2" }, number))).toEqual(numbers);
  });

  it("is missing", () => {
    expect(() => parseConfiguration({})).toThrow(/has no vnic-failover:cluster/);
  });

  const hosts = (host: object) => ({ hosts: { a: host } });
  const pfs = (...physicalFunctions: unknown[]) => ({ hosts: { a: { uri } }, networks: { n: { physicalFunctions } } });
  const wrong: readonly [string, unknown, string][] = [
    ["no object", "hosts: {}", "vnic-failover:cluster is not an object"],
    ["a list", [], "vnic-failover:cluster must be an object, not a list"],
    ["no host", { hosts: {} }, "vnic-failover:cluster.hosts must name at least one host"],
    ["no hosts", {}, "vnic-failover:cluster.hosts is missing"],
    ["a host without URI", hosts({}), "vnic-failover:cluster.hosts.a.uri is missing"],
    ["nothing behind a key", { hosts: { a: null } }, "hosts.a is empty: it must be an object"],
    ["a number for a text", hosts({ uri: 1 }), "hosts.a.uri must be a string, not a number"],
    [
      "a text for a number",
      { ...cluster, networks: { data: { mtu: "9000" } } },
      "data.mtu must be a number, not a string",
    ],
    ["half a byte", { ...cluster, networks: { data: { mtu: 1500.5 } } }, "data.mtu must be a whole number"],
    ["a text for a switch", { ...cluster, hostCommands: "no" }, "hostCommands must be true or false, not a string"],
    ["an empty URI", hosts({ uri: "" }), "hosts.a.uri is empty"],
    ["a name that is none", { hosts: { "a b": { uri } } }, 'vnic-failover:cluster.hosts["a b"] is not a valid name'],
    ["a name with dots", { hosts: { "a.example": {} } }, 'vnic-failover:cluster.hosts["a.example"].uri is missing'],
    [
      "a setting that is unknown",
      hosts({ uri, zone: "x" }),
      'hosts.a has an unknown key "zone"; its keys are uri, hostKey',
    ],
    [
      "a setting that is mistyped",
      hosts({ url: uri }),
      'vnic-failover:cluster.hosts.a has an unknown key "url"; did you mean "uri"?',
    ],
    [
      "the cluster's own, mistyped",
      { ...cluster, hots: {} },
      'vnic-failover:cluster has an unknown key "hots"; did you mean "hosts"?',
    ],
    [
      "a network's, mistyped",
      { ...cluster, networks: { data: { brigde: "br0" } } },
      'cluster.networks.data has an unknown key "brigde"; did you mean "bridge"?',
    ],
    [
      "a bridge that is no name",
      { hosts: { a: { uri } }, networks: { n: { bridge: "br0; reboot" } } },
      "networks.n.bridge must be an interface's name",
    ],
    [
      "a bridge with too long a name",
      { hosts: { a: { uri } }, networks: { n: { bridge: "a".repeat(16) } } },
      "networks.n.bridge must be ",
    ],
    [
      "no PF in the list",
      { hosts: { a: { uri } }, networks: { n: { physicalFunctions: [] } } },
      "networks.n.physicalFunctions is an empty list",
    ],
    [
      "a PF that is no name",
      { hosts: { a: { uri } }, networks: { n: { physicalFunctions: ["eth0", 1] } } },
      "networks.n.physicalFunctions[1] must be a string, not a number",
    ],
    [
      "a range that is a number",
      pfs({ pf: "eth0", virtualFunctions: 2 }),
      "networks.n.physicalFunctions[0].virtualFunctions must be a string, not a number",
    ],
    [
      "a range that is none",
      pfs("eth1", { pf: "eth0", virtualFunctions: "2-" }),
      'networks.n.physicalFunctions[1].virtualFunctions must be numbers of VFs and ranges of them, such as "2-7" or "0,2-4"',
    ],
    [
      "a range that is turned round",
      pfs({ pf: "eth0", virtualFunctions: "0,7-2" }),
      "physicalFunctions[0].virtualFunctions has a range that ends before it begins: 7-2",
    ],
    [
      "a VF that no PF has",
      pfs({ pf: "eth0", virtualFunctions: "99999" }),
      "physicalFunctions[0].virtualFunctions names VF 99999: the last that a PF can have is 65534",
    ],
    ["an empty range", pfs({ pf: "eth0", virtualFunctions: "" }), "physicalFunctions[0].virtualFunctions is empty"],
    [
      "a range's key, mistyped",
      pfs({ pf: "eth0", virtualFunction: "2-7" }),
      'networks.n.physicalFunctions[0] has an unknown key "virtualFunction"; did you mean "virtualFunctions"?',
    ],
    ["a range without its PF", pfs({ virtualFunctions: "2-7" }), "networks.n.physicalFunctions[0].pf is missing"],
    [
      "a PF with a range and again",
      pfs("eth0", { pf: "eth0", virtualFunctions: "2-7" }),
      'networks.n.physicalFunctions[1] names the physical function "eth0" a second time',
    ],
    ["a VLAN out of range", { hosts: { a: { uri } }, networks: { n: { vlan: 4095 } } }, "n.vlan must be at most 4094"],
    ["an MTU out of range", { hosts: { a: { uri } }, networks: { n: { mtu: 67 } } }, "n.mtu must be at least 68"],
    [
      "an address with a blank",
      hosts({ uri, migrationAddress: "a b" }),
      "hosts.a.migrationAddress must be a host name",
    ],
    [
      "a host's own network that the cluster has not",
      { hosts: { a: { uri, networks: { dat: { bridge: "br0" } } } }, networks: { data: {} } },
      'hosts.a.networks.dat is not among the cluster\'s networks; did you mean "data"?',
    ],
    ["one host twice", { hosts: { a: { uri }, b: { uri } } }, 'hosts.b.uri reaches the same libvirt as host "a"'],
    // What once was a warning at preview, and an update that failed.
    [
      "another transport",
      hosts({ uri: "qemu+tcp://h/system" }),
      'a.uri cannot be used: the transport "tcp" is not supported',
    ],
    [
      "a folder for TLS that has nothing in it",
      hosts({ uri: "qemu+tls://h/system?pkipath=/no/such" }),
      'a.uri needs the file "/no/such/cacert.pem", which is not there.',
    ],
    [
      "a key of SSH for a host that is reached over TLS",
      hosts({ uri: "qemu+tls://h/system", hostKey: "SHA256:".padEnd(50, "A") }),
      "a.hostKey pins a key of SSH, and the host's URI is of TLS",
    ],
    [
      "a transport that there is not",
      hosts({ uri: "qemu+ext://h/system" }),
      "Use ssh, tls or unix, e.g. qemu+ssh://h/system",
    ],
    ["a transport that is mistyped", hosts({ uri: "qemu+shs://h/system" }), 'Did you mean "ssh"?'],
    ["SSH's own URI", hosts({ uri: "ssh://root@h" }), "Did you mean qemu+ssh://h/system?"],
    ["a parameter that is mistyped", hosts({ uri: `${uri}?keyfil=/k` }), 'parameter "keyfil"; did you mean "keyfile"?'],
    [
      "a password in the URI",
      hosts({ uri: "qemu+ssh://root:hunter2@h/system" }),
      "a.uri cannot be used: it contains a password",
    ],
    [
      "the example's pin",
      hosts({ uri, hostKey: "SHA256:…" }),
      "hosts.a.hostKey is not a complete SHA256 fingerprint. Write it as",
    ],
    ["another pin", hosts({ uri, hostKey: "16:27:ac:a5" }), "hosts.a.hostKey is not a host key. Write it as"],
    [
      "half a pinned key",
      hosts({ uri, hostKey: key.slice(0, 60) }),
      "hosts.a.hostKey is not a complete or valid host key",
    ],
    [
      "a pinned key of an old type",
      hosts({ uri, hostKey: "ssh-dss AAAAB3NzaC1kc3M=" }),
      "has a key type that is not supported",
    ],
    [
      "a key file that is not there",
      hosts({ uri: `${uri}?keyfile=/no/key` }),
      'names the key file "/no/key", which is not there',
    ],
    ["a folder for a key file", hosts({ uri: `${uri}?keyfile=/tmp` }), 'names the key file "/tmp", which is a folder'],
    [
      "known hosts that are not there",
      hosts({ uri: `${uri}?known_hosts=/no/k` }),
      'known_hosts file "/no/k", which is not there',
    ],
  ];
  it.each(wrong)("with %s is refused, and the property named", (_, value, message) => {
    expect(() => parseConfiguration({ cluster: value })).toThrow(ConfigError);
    expect(() => parseConfiguration({ cluster: value })).toThrow(message);
    expect(() => parseConfiguration({ cluster: value })).not.toThrow(/hunter2/);
  });

  it.each([key, `${key} root@host`, `SHA256:${"a".repeat(43)}`, `SHA256:${"a".repeat(43)}=`])("pins %s", (hostKey) => {
    expect(parseConfiguration({ cluster: { hosts: { a: { uri, hostKey } } } }).cluster.hosts["a"]).toEqual({
      uri,
      hostKey,
    });
  });

  it("takes files that are there, and looks for none that is not used", () => {
    const here = encodeURIComponent(import.meta.filename);
    const uris = [
      `?keyfile=${here}&known_hosts=${here}`,
      "?keyfile=/no&sshauth=agent",
      "?known_hosts=/no&known_hosts_verify=ignore",
    ];
    for (const parameters of uris)
      expect(() => parseConfiguration({ cluster: { hosts: { a: { uri: uri + parameters } } } })).not.toThrow();
  });

  it("names every mistake at once, a line each, with what to do last", () => {
    const broken = {
      hosts: { a: {}, b: { url: uri }, c: { uri: "qemu+tcp://c/system", networks: { x: {} } } },
      vlans: 1,
    };
    expect(() =>
      parseConfiguration({ cluster: broken, unreachableHosts: "warning", unknownKeys: ["sshPrivatKey"] }),
    ).toThrow(
      expect.objectContaining({
        message: `Unable to use the stack's configuration:
  vnic-failover:sshPrivatKey is an unknown key; did you mean "vnic-failover:sshPrivateKey"?
  vnic-failover:cluster.hosts.a.uri is missing.
  vnic-failover:cluster.hosts.b has an unknown key "url"; did you mean "uri"?
  vnic-failover:cluster.hosts.c.uri cannot be used: the transport "tcp" is not supported. Use ssh, tls or unix, e.g. qemu+ssh://c/system.
  vnic-failover:cluster has an unknown key "vlans"; its keys are hosts, networks, hostCommands, sshConfig, readOnlyUser.
  vnic-failover:cluster.hosts.c.networks.x is not a network of the cluster, which has no networks.
  vnic-failover:unreachableHosts must be "error" or "warn".
Correct them in Pulumi.<stack>.yaml, or with pulumi config set.`,
      }),
    );
  });

  it("is an unknown key where the cluster's own is mistyped", () => {
    expect(() => backendOf({ unknownKeys: ["clutser"] })).toThrow(
      'vnic-failover:clutser is an unknown key; did you mean "vnic-failover:cluster"?',
    );
  });

  it("has keys that Pulumi reads itself", () => {
    expect(unknownKeysAmong(["cluster", "version", "pluginDownloadURL", "__internal", "Cluster"])).toEqual(["Cluster"]);
  });

  it.each([
    ["a file's name", "~/.ssh/id_ed25519"],
    ["a public key", key],
  ])("with %s for the private key is refused, and the text not shown", (_, sshPrivateKey) => {
    const parse = () => parseConfiguration({ cluster, sshPrivateKey });
    expect(parse).toThrow(
      "vnic-failover:sshPrivateKey is not a private key: it must be the text of the key file itself",
    );
    expect(parse).not.toThrow(sshPrivateKey);
  });

  it.each([
    ["true", { user: undefined }],
    [true, { user: undefined }],
    ["false", undefined],
    [undefined, undefined],
  ])("is for reading alone: %j", (readOnly, expected) => {
    expect(parseConfiguration({ cluster, readOnly }).readOnly).toEqual(expected);
    if (expected === undefined) return;
    const withUser = { ...cluster, readOnlyUser: "reader" };
    expect(parseConfiguration({ cluster: withUser, readOnly }).readOnly).toEqual({ user: "reader" });
  });

  it.each(["yes", 1, null])("is not for reading alone by %j, which is a mistake", (readOnly) => {
    expect(() => parseConfiguration({ cluster, readOnly })).toThrow("vnic-failover:readOnly must be true or false");
  });

  it("has credentials of single hosts, as an object or as JSON", () => {
    const hostCredentials = { host1: { sshPassphrase: "s" }, host2: {} };
    for (const given of [hostCredentials, JSON.stringify(hostCredentials)])
      expect(parseConfiguration({ cluster, hostCredentials: given })).toMatchObject({ hostCredentials });
  });

  it.each<[string, object, string]>([
    ["a host that is not there", { hots1: {} }, 'hots1 is not among the cluster\'s hosts; did you mean "host1"?'],
    [
      "a password that its URI does not name",
      { host1: { sshPassword: "hunter2" } },
      "host1.sshPassword would never be used",
    ],
    [
      "a mistyped key",
      { host1: { sshPasword: "hunter2" } },
      'host1 has an unknown key "sshPasword"; did you mean "sshPassword"?',
    ],
    ["no private key", { host1: { sshPrivateKey: "hunter2" } }, "host1.sshPrivateKey is not a private key"],
    ["another type", { host1: { sshPassphrase: { hunter2: 1 } } }, "host1.sshPassphrase must be a string"],
  ])("refuses credentials of %s, and tells none", (_, hostCredentials, message) => {
    const parse = () => parseConfiguration({ cluster, hostCredentials });
    expect(parse).toThrow(`vnic-failover:hostCredentials.${message}`);
    expect(parse).not.toThrow("hunter2");
  });

  it("may leave what a stack on oVirt needs, as an environment that several stacks share does", () => {
    expect(() => parseConfiguration({ cluster, ovirtPassword: "s" })).not.toThrow();
  });

  it.each([
    ["absent", {}, "warn"],
    ["warn", { unreachableHosts: "warn" }, "warn"],
    ["error", { unreachableHosts: "error" }, "error"],
  ])("says what an unreachable host is: %s", (_, values, expected) => {
    expect(() => parseConfiguration({ cluster, ...values })).not.toThrow();
    expect(unreachableHostsOf(values)).toBe(expected);
  });

  it("never repeats a secret", () => {
    const secret = 4_711_471_147_114_711;
    expect(() => parseConfiguration({ cluster, sshPassword: secret })).toThrow(ConfigError);
    expect(() => parseConfiguration({ cluster, sshPassword: secret })).not.toThrow(String(secret));
  });

  it("is parsed or refused, whatever it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseConfiguration({ cluster: value });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
    );
  });
});

describe("a network on a host", () => {
  const parsed = parseConfiguration({ cluster }).cluster;

  it("is the cluster's, where the host says nothing", () => {
    expect(networkOn(parsed, "host1", "data")).toEqual({ bridge: "br0", mtu: 1500 });
  });

  it("is the host's in what it says, the cluster's in the rest", () => {
    expect(networkOn(parsed, "host2", "data")).toEqual({ bridge: "br9", mtu: 1500 });
  });

  it.each(["nothing", "toString", "__proto__", "constructor"])("is none when the cluster has no %s", (name) => {
    expect(networkOn(parsed, "host1", name)).toBeUndefined();
  });
});

describe("the configuration of a stack on oVirt", () => {
  const ovirt = { url: "https://engine.example/ovirt-engine/api", cluster: "lab", username: "admin@internal" };

  it("is read from JSON text, and from objects", () => {
    const caFile = join(mkdtempSync(join(tmpdir(), "vnic-failover-ca-")), "ca.pem");
    writeFileSync(caFile, rootCertificates[0] ?? "");
    const credentials = { username: "admin@internal", password: "s" };
    const expected = { engine: { ...ovirt, caFile }, credentials };
    const given = { ...ovirt, caFile };
    expect(parseEngineConfiguration({ ovirt: given, ovirtPassword: "s" })).toEqual(expected);
    expect(parseEngineConfiguration({ ovirt: JSON.stringify(given), ovirtPassword: "s" })).toEqual(expected);
  });

  it("is one of the two that there must be", () => {
    expect(backendOf({ ovirt })).toBe("ovirt");
    expect(backendOf({ cluster })).toBe("libvirt");
    expect(() => backendOf({ cluster, ovirt })).toThrow(/both vnic-failover:cluster and vnic-failover:ovirt/);
    expect(() => backendOf({})).toThrow(/no vnic-failover:cluster, and no vnic-failover:ovirt/);
  });

  const wrong: readonly [string, unknown, string][] = [
    ["no object", "url", "vnic-failover:ovirt is not an object"],
    ["no TLS", { ...ovirt, url: "http://engine.example" }, "vnic-failover:ovirt.url must be an https URL"],
    ["no URL", { ...ovirt, url: "engine.example" }, "vnic-failover:ovirt.url must be an https URL"],
    [
      "a password in the URL",
      { ...ovirt, url: "https://a:pa55@e/" },
      "vnic-failover:ovirt.url contains a user or a password",
    ],
    ["no cluster", { ...ovirt, cluster: "" }, "vnic-failover:ovirt.cluster is empty"],
    ["a password beside the user", { ...ovirt, password: "pa55" }, 'vnic-failover:ovirt has an unknown key "password"'],
    ["a key that is mistyped", { ...ovirt, cafile: "ca.pem" }, 'an unknown key "cafile"; did you mean "caFile"?'],
    ["authorities that are not there", { ...ovirt, caFile: "/no/ca.pem" }, 'the file "/no/ca.pem", which is not there'],
    ["no authorities in the file", { ...ovirt, caFile: import.meta.filename }, "which holds no PEM certificate"],
  ];
  it.each(wrong)("with %s is refused, and no value shown", (_, value, message) => {
    const parse = () => parseEngineConfiguration({ ovirt: value, ovirtPassword: "s3cret" });
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/s3cret|pa55/);
  });

  it("refuses unknown keys of the namespace, and a word for unreachable hosts that is none", () => {
    const parse = () =>
      parseEngineConfiguration({ ovirt, ovirtPassword: "s", unknownKeys: ["ovirtPasword"], unreachableHosts: true });
    expect(parse).toThrow('vnic-failover:ovirtPasword is an unknown key; did you mean "vnic-failover:ovirtPassword"?');
    expect(parse).toThrow('vnic-failover:unreachableHosts must be "error" or "warn", not true or false');
  });

  it("without its password says how to set it, or a token", () => {
    expect(() => parseEngineConfiguration({ ovirt })).toThrow(/--secret vnic-failover:ovirtPassword/);
    expect(() => parseEngineConfiguration({ ovirt, ovirtToken: "" })).toThrow(/--secret vnic-failover:ovirtToken/);
  });

  it("has a token in place of user and password, or a user with one", () => {
    const { username: _, ...nameless } = ovirt;
    const given = parseEngineConfiguration({ ovirt: nameless, ovirtToken: "t0k3n-_.\n" });
    expect(given).toEqual({ engine: nameless, credentials: { token: "t0k3n-_." } });
    expect(parseEngineConfiguration({ ovirt, ovirtToken: "t" }).credentials).toEqual({ token: "t" });
    const refusal = (secrets: object) => () => parseEngineConfiguration({ ovirt: nameless, ...secrets });
    expect(refusal({ ovirtPassword: "s3cret" })).toThrow("vnic-failover:ovirt.username is missing");
    const both = { ovirtPassword: "s3cret", ovirtToken: "t0k3n" };
    expect(refusal(both)).toThrow(/both vnic-failover:ovirtPassword and vnic-failover:ovirtToken/);
    const pasted = { ovirtToken: "Bearer t0k3n" };
    expect(refusal(pasted)).toThrow("vnic-failover:ovirtToken is not a valid token");
    for (const secrets of [both, pasted]) expect(refusal(secrets)).not.toThrow(/s3cret|t0k3n/);
  });

  it("has its sign-on elsewhere, if that is https", () => {
    const tokenUrl = "https://sso.example/ovirt-engine/sso/oauth/token";
    const parse = (url: string) => parseEngineConfiguration({ ovirt: { ...ovirt, tokenUrl: url }, ovirtPassword: "s" });
    expect(parse(tokenUrl).engine).toEqual({ ...ovirt, tokenUrl });
    expect(() => parse("http://sso.example")).toThrow("vnic-failover:ovirt.tokenUrl must be an https URL");
  });
});

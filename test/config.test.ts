import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backendOf, ConfigError, networkOn, parseConfiguration, parseEngineConfiguration } from "../provider/config.js";

const uri = "qemu+ssh://virt@host1/system";
const cluster = {
  hosts: { host1: { uri }, host2: { uri, networks: { data: { bridge: "br9" } } } },
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

  it("is missing", () => {
    expect(() => parseConfiguration({})).toThrow(/has no vnic-failover:cluster/);
  });

  const wrong: readonly [string, unknown, string][] = [
    ["no object", "hosts: {}", "vnic-failover:cluster is not an object"],
    ["no host", { hosts: {} }, "vnic-failover:cluster.hosts: must name at least one host"],
    ["no hosts", {}, "vnic-failover:cluster.hosts: "],
    ["a host without URI", { hosts: { a: {} } }, "vnic-failover:cluster.hosts.a.uri: "],
    ["a name that is none", { hosts: { "a b": { uri } } }, "vnic-failover:cluster.hosts.a b: "],
    ["a setting that nobody knows", { hosts: { a: { uri, url: "x" } } }, 'Unrecognized key: "url"'],
    [
      "a bridge that is no name",
      { hosts: { a: { uri } }, networks: { n: { bridge: "br0; reboot" } } },
      "networks.n.bridge: must be an interface's name",
    ],
    [
      "a bridge with too long a name",
      { hosts: { a: { uri } }, networks: { n: { bridge: "a".repeat(16) } } },
      "networks.n.bridge: ",
    ],
    [
      "no PF in the list",
      { hosts: { a: { uri } }, networks: { n: { physicalFunctions: [] } } },
      "networks.n.physicalFunctions: ",
    ],
    ["a VLAN out of range", { hosts: { a: { uri } }, networks: { n: { vlan: 4095 } } }, "networks.n.vlan: "],
    ["an MTU out of range", { hosts: { a: { uri } }, networks: { n: { mtu: 67 } } }, "networks.n.mtu: "],
    [
      "an address with a blank",
      { hosts: { a: { uri, migrationAddress: "a b" } } },
      "hosts.a.migrationAddress: must be a host name",
    ],
    [
      "a host's own network that the cluster has not",
      { hosts: { a: { uri, networks: { x: { bridge: "br0" } } } } },
      "hosts.a.networks.x: is not among the cluster's networks",
    ],
  ];
  it.each(wrong)("with %s is refused, and the property named", (_, value, message) => {
    expect(() => parseConfiguration({ cluster: value })).toThrow(ConfigError);
    expect(() => parseConfiguration({ cluster: value })).toThrow(message);
  });

  it("names every property at fault at once", () => {
    expect(() => parseConfiguration({ cluster: { hosts: { a: {}, b: {} } } })).toThrow(/hosts\.a\.uri.*hosts\.b\.uri/);
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

describe("the configuration of a stack over oVirt", () => {
  const ovirt = { url: "https://engine.example/ovirt-engine/api", cluster: "lab", username: "admin@internal" };

  it("is read from JSON text, and from objects", () => {
    const expected = { engine: { ...ovirt, caFile: "ca.pem" }, password: "s" };
    const given = { ...ovirt, caFile: "ca.pem" };
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
    ["no TLS", { ...ovirt, url: "http://engine.example" }, "vnic-failover:ovirt.url: must be an https URL"],
    ["no cluster", { ...ovirt, cluster: "" }, "vnic-failover:ovirt.cluster: "],
    ["a password beside the user", { ...ovirt, password: "pa55" }, 'Unrecognized key: "password"'],
  ];
  it.each(wrong)("with %s is refused, and no value shown", (_, value, message) => {
    const parse = () => parseEngineConfiguration({ ovirt: value, ovirtPassword: "s3cret" });
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/s3cret|pa55/);
  });

  it("without its password says how to set it", () => {
    expect(() => parseEngineConfiguration({ ovirt })).toThrow(/--secret vnic-failover:ovirtPassword/);
  });
});

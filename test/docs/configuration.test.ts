/** The configuration's examples, its list of keys and the editors' schemas say what the code takes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import {
  clusterSchema,
  ConfigError,
  configKeys,
  engineSchema,
  parseConfiguration,
} from "../../provider/config/index.js";
import { root } from "../../toolchain/pulumi.js";
import { clusterSchema as clusterForEditors, stackSchema } from "../../toolchain/generate/editors.js";

const page = readFileSync(join(root, "docs", "configuration.md"), "utf8");
const rows = [...page.matchAll(/^- `(?<key>[^`]+)` \(/gm)].map(({ groups }) => groups?.["key"] ?? "");

interface StackFile {
  readonly config: Readonly<Record<string, unknown>>;
}

function valuesIn(text: string): Parameters<typeof parseConfiguration>[0] {
  const { config } = parse(text) as StackFile;
  const own = Object.entries(config).filter(([key]) => key.startsWith("vnic-failover:"));
  return Object.fromEntries(own.map(([key, value]) => [key.slice("vnic-failover:".length), value]));
}

describe("docs/configuration.md", () => {
  it("has an example that can be taken as it is", () => {
    const [, example = ""] = /```yaml\n(.*?)```/s.exec(page) ?? [];
    expect(() => parseConfiguration(valuesIn(example))).not.toThrow();
  });

  it("has a row for every key", () => {
    const { hosts, networks } = clusterSchema.shape;
    const wanted = [
      ...configKeys.map((key) => `vnic-failover:${key}`),
      ...Object.keys(hosts.valueType.shape).map((key) => `hosts.<name>.${key}`),
      ...Object.keys(networks.unwrap().valueType.shape).map((key) => `networks.<name>.${key}`),
      ...Object.keys(clusterSchema.shape),
      ...Object.keys(engineSchema.shape),
    ];
    expect(wanted.filter((key) => !rows.includes(key))).toEqual([]);
  });
});

describe("the editors' schemas", () => {
  const stack = z.fromJSONSchema(stackSchema());
  const cluster = z.fromJSONSchema(clusterForEditors());
  const host = { uri: "qemu+ssh://root@host1/system" };
  const inStack = (config: object) => stack.safeParse({ config }).success;
  const inCluster = (more: object) => cluster.safeParse({ hosts: { host1: host }, ...more }).success;

  it("take the page's first example and the examples of stacks", () => {
    const [, example = ""] = /```yaml\n(.*?)```/s.exec(page) ?? [];
    const files = ["Pulumi.dev.yaml", "Pulumi.prod.yaml"].map((name) =>
      readFileSync(join(root, "examples", "stacks", name), "utf8"),
    );
    for (const text of [example, ...files]) expect(stack.safeParse(parse(text))).toMatchObject({ success: true });
  });

  it("take secrets as Pulumi encrypts them, and keys of others", () => {
    const secure = { secure: "v1:abc" };
    expect(inStack({ "vnic-failover:sshPassword": secure, "aws:region": "eu-west-1" })).toBe(true);
    expect(inStack({ "vnic-failover:hostCredentials": { host1: { sshPassphrase: secure } } })).toBe(true);
    expect(inStack({ "vnic-failover:pluginDownloadURL": "https://example.org" })).toBe(true);
  });

  it.each([
    ["a key of the namespace that is mistyped", { "vnic-failover:clutser": {} }],
    ["a key of a host that is mistyped", { "vnic-failover:cluster": { hosts: { host1: { url: host.uri } } } }],
    ["another word", { "vnic-failover:unreachableHosts": "ignore" }],
    [
      "a number that is text",
      { "vnic-failover:cluster": { hosts: { host1: host }, networks: { data: { mtu: "9000" } } } },
    ],
  ])("refuse %s", (_, config) => {
    expect(inStack(config)).toBe(false);
  });

  it("have limits, and say of a cluster alone the same", () => {
    expect(
      inCluster({ networks: { data: { bridge: "br0", mtu: 9000 }, vf: { physicalFunctions: [{ pf: "eth2" }] } } }),
    ).toBe(true);
    expect(inCluster({ networks: { data: { vlan: 4095 } } })).toBe(false);
    expect(inCluster({ netwroks: {} })).toBe(false);
    expect(cluster.safeParse({}).success).toBe(false);
  });

  it("say of each key what it is", () => {
    const { properties } = clusterForEditors() as {
      readonly properties: { readonly hosts: { readonly additionalProperties: { readonly properties: object } } };
    };
    expect(properties.hosts.additionalProperties.properties).toHaveProperty(
      "migrationAddress.description",
      expect.stringContaining("Default: the host's own name"),
    );
  });
});

it("examples/stacks: dev is valid, and prod lacks no more than each host's own key", () => {
  const example = (name: string) => valuesIn(readFileSync(join(root, "examples", "stacks", name), "utf8"));
  expect(() => parseConfiguration(example("Pulumi.dev.yaml"))).not.toThrow();
  try {
    parseConfiguration(example("Pulumi.prod.yaml"));
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.mistakes.map(({ path }) => path.at(-1))).toEqual(["hostKey", "hostKey", "hostKey"]);
    expect(error.message).toContain(
      'is not a complete SHA256 fingerprint. Write it as "SHA256:" and the 43 characters that `ssh-keygen -lf',
    );
  }
});

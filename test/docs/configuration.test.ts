/** The configuration's examples and its table of keys say what the code takes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  clusterSchema,
  ConfigError,
  configKeys,
  engineSchema,
  parseConfiguration,
} from "../../provider/config/index.js";
import { root } from "../../toolchain/pulumi.js";

const page = readFileSync(join(root, "docs", "configuration.md"), "utf8");
const rows = [...page.matchAll(/^\| `(?<key>[^`]+)`/gm)].map(({ groups }) => groups?.["key"] ?? "");

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
    const { hosts, networks, ...ofCluster } = clusterSchema.shape;
    const wanted = [
      ...configKeys.map((key) => `vnic-failover:${key}`),
      ...Object.keys(hosts.valueType.shape)
        .map((key) => `hosts.<name>.${key}`)
        .map((key) => (key.endsWith(".networks") ? `${key}.<name>` : key)),
      ...Object.keys(networks.unwrap().valueType.shape).map((key) => `networks.<name>.${key}`),
      ...Object.keys(ofCluster),
      ...Object.keys(engineSchema.shape),
    ];
    expect(wanted.filter((key) => !rows.includes(key))).toEqual([]);
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
      'is not a whole fingerprint. Write it as "SHA256:" and the 43 characters that `ssh-keygen -lf',
    );
  }
});

/** What stands in the configuration, and what an error may show of it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readConfiguration } from "../../provider/cli/configuration.js";
import { ConfigError, parseConfiguration } from "../../provider/config/index.js";
import { parseLibvirtUri } from "../../provider/backends/libvirt/transport/index.js";
import { everything } from "../backends/ovirt/failure.js";

const messageOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof Error ? error.message + JSON.stringify(error) : String(error);
  }
  return expect.unreachable();
};

describe("X26: an error shows no value of the configuration", () => {
  test.each([
    "qemu+ssh://root:hunter2@host1/system",
    "qemu+ssh:/root:hunter2@host1/system",
    "qemu+ssh:root:hunter2@host1",
    "//root:hunter2@host1",
    "qemu+ssh://host1/system?password=hunter2",
    "qemu+ssh://host1/system?x=1&passwd=hunter2#hunter2",
    "qemu+ssh://root:hun@ter2@host1/system",
    "root:hunter2@host1",
  ])("of the URI %s", (uri) => {
    expect(messageOf(() => parseLibvirtUri(uri))).not.toMatch(/hunter2|ter2/);
    expect(messageOf(() => parseConfiguration({ cluster: { hosts: { host1: { uri } } } }))).not.toMatch(/hunter2|ter2/);
  });

  test.each([
    ["a bracket that is not closed", "hosts: [hunter2"],
    ["a value with a colon", "cluster: hunter2: hunter2: x"],
    ["a tab", "hosts:\n\thost1: hunter2"],
    ["a key twice", "sshPassword: hunter2\nsshPassword: hunter2"],
    ["a quote that is not closed", "sshPassword: 'hunter2"],
    ["an alias that is not there", "sshPassword: *hunter2"],
    ["another tag", "sshPassword: !hunter2 'hunter2'\nhosts: !<hunter2"],
    ["JSON", '{"sshPassword": hunter2 hunter2'],
    ["no cluster", "sshPassword: hunter2"],
    ["another kind of value", "hosts: hunter2"],
  ])("of a file with %s", async (_, text) => {
    const folder = mkdtempSync(join(tmpdir(), "configuration-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const config = join(folder, "cluster.yaml");
    writeFileSync(config, text);
    const error: unknown = await readConfiguration({ config }, {}).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect(everything(error)).toContain(config);
    expect(everything(error)).not.toContain("hunter2");
  });

  test("of a key that is not JSON", () => {
    expect(messageOf(() => parseConfiguration({ cluster: "hunter2-the-password" }))).not.toContain("hunter2");
  });
});

test.each(["constructor", "toString", "hasOwnProperty"])(
  "X33: a network %s that the cluster does not have is refused on a host",
  (network) => {
    const cluster = {
      hosts: { host1: { uri: "qemu:///system", networks: { [network]: { bridge: "br0" } } } },
      networks: { data: { bridge: "br0" } },
    };
    expect(messageOf(() => parseConfiguration({ cluster }))).toContain(
      `vnic-failover:cluster.hosts.host1.networks.${network} is not among the cluster's networks`,
    );
  },
);

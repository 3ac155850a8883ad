/** What stands in the configuration, and what an error may show of it. */
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../provider/config/index.js";
import { parseLibvirtUri } from "../../provider/backends/libvirt/transport/index.js";

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

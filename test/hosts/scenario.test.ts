import { describe, expect, it, test } from "vitest";
import { domainXml, vm } from "./two-hosts.js";
import { parseScenario, ScenarioError } from "./scenario.js";

function faultsOf(scenario: unknown): readonly string[] {
  try {
    parseScenario(scenario);
  } catch (error) {
    if (error instanceof ScenarioError) return error.faults;
    throw error;
  }
  return [];
}

const inHost1 = (host: unknown) => ({ hosts: { host1: host } });
const web = domainXml(vm);
const other = domainXml({ ...vm, name: "other" });

describe("a scenario", () => {
  it("may be empty, and so may its hosts", () => {
    expect(parseScenario({})).toEqual({});
    expect(parseScenario(inHost1({})).hosts?.["host1"]).toMatchObject({ reachable: true, freeMemoryMiB: 2048 });
  });

  it("takes what the format has", () => {
    const vf = { address: "0000:01:10.0", driver: "igbvf", iommuGroup: 3 };
    const netdev = { name: "pf0v0", up: true, addresses: ["10.0.0.1/24"], master: "br0" };
    const pf = { name: "pf0", address: "0000:01:00.0", linkUp: true, mtu: 1500, numaNode: 0, switchdev: true };
    const host1 = {
      bridges: [{ name: "br0", mtu: 1500, ports: ["up0"], kind: "openvswitch", vlanFiltering: true }],
      physicalFunctions: [{ ...pf, virtualFunctions: [{ ...vf, netdev }, { netdev: null }] }],
      ...{ freeMemoryMiB: 1, cachedMemoryMiB: 2, hugepages: [{ sizeKiB: 2048, free: 3 }] },
      domains: [
        { live: web, definition: null, state: "paused", autostart: false },
        { live: null, definition: other },
      ],
      refuse: [{ procedure: "domain_set_metadata", code: 38, message: "Input/output error", times: 2 }],
      missingDaemons: ["interface", "nwfilter"],
      reachable: true,
      diesAt: { procedure: "domain_set_metadata", occurrence: 2, moment: "after" },
    };
    const networks = { data: { bridge: "br0", mtu: 1500 } };
    expect(faultsOf({ networks, hosts: { host1 } })).toEqual([]);
  });

  test.each<[string, unknown, RegExp]>([
    ["an unknown key", { host: {} }, /^host is an unknown key; did you mean "hosts"\? Known are networks, hosts\.$/],
    [
      "one deep inside",
      inHost1({ physicalFunctions: [{ virtualFunctions: [{ netdev: { mastr: "br0" } }] }] }),
      /^hosts\.host1\.physicalFunctions\[0\]\.virtualFunctions\[0\]\.netdev\.mastr is an unknown key; did you mean "master"\? Known are name, up, addresses, master\.$/,
    ],
    [
      "one of a network",
      { networks: { data: { brige: "br0" } } },
      /^networks\.data\.brige is an unknown key; did you mean "bridge"\?/,
    ],
    ["a wrong type", inHost1({ reachable: "no" }), /^hosts\.host1\.reachable must be true or false/],
    [
      "a daemon that there is not",
      inHost1({ missingDaemons: ["bridge"] }),
      /^hosts\.host1\.missingDaemons\[0\] must be/,
    ],
    ["no host", { hosts: {} }, /^hosts must name at least one host\.$/],
    ["a host's name", { hosts: { "-x": {} } }, /^hosts\.-x must be a name/],
    [
      "an address",
      inHost1({ physicalFunctions: [{ address: "b3" }] }),
      /physicalFunctions\[0\]\.address must be a PCI address/,
    ],
    [
      "a procedure",
      inHost1({ refuse: [{ procedure: "domain_migrate_perform" }] }),
      /^hosts\.host1\.refuse\[0\]\.procedure is "domain_migrate_perform", .* Did you mean "domain_migrate_perform3_params" or /,
    ],
    ["a procedure to die at", inHost1({ diesAt: { procedure: "xyz" } }), /diesAt\.procedure is "xyz", [^?]*calls\.$/],
    [
      "an error",
      inHost1({ refuse: [{ procedure: "domain_resume", code: "OPERATION_INVLID" }] }),
      /"OPERATION_INVALID"/,
    ],
    [
      "XML",
      inHost1({ domains: [{ live: web }, { live: "<domain><name>x</name>" }] }),
      /domains\[1\]\.live cannot be used: .*Unclosed/,
    ],
    ["another XML", inHost1({ domains: [{ definition: "<devices/>" }] }), /domains\[0\]\.definition is <devices>/],
    ["a domain without name", inHost1({ domains: [{ definition: "<domain/>" }] }), /without <name>/],
    ["no definition at all", inHost1({ domains: [{}] }), /^hosts\.host1\.domains\[0\] needs/],
    ["one that is shut off and runs", inHost1({ domains: [{ live: web, state: "shutoff" }] }), /cannot be shut off/],
    ["autostart without definition", inHost1({ domains: [{ live: web, autostart: true }] }), /no `definition`/],
    ["two names", inHost1({ domains: [{ live: web, definition: other }] }), /name "web" in `live` and "other"/],
  ])("is refused for %s", (_, scenario, expected) => {
    const faults = faultsOf(scenario);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(expected);
  });

  it("is refused for all that is wrong at once", () => {
    expect(
      faultsOf({ hosts: { host1: { bridgs: [], diesAt: { procedure: "x" } }, host2: { refuse: {} } } }),
    ).toHaveLength(3);
  });
});

/** One program of many interfaces, in the ways that are compared. */
import { interfacesPerVm, profilesOfVm, vmNames } from "../hosts/fleet.js";

export const programWays = ["ours", "floor", "same-outputs", "command"] as const;
export type ProgramWay = (typeof programWays)[number];

const profiles = `
const profiles = {};
for (const network of ["data", "storage"]) {
  profiles[network] = new VnicProfile(network, { network });
  profiles[network + "-vf"] = new VnicProfile(network + "-vf", {
    network: network + "-vf", passThrough: "enabled", migratable: true, failover: profiles[network],
  });
}
`;

const interfaces = (resources: number) => `
let last = 0;
for (const vm of ${JSON.stringify(vmNames(resources / interfacesPerVm))})
  for (const [index, profile] of ${JSON.stringify(profilesOfVm)}.entries()) {
    const octets = (++last).toString(16).padStart(6, "0").match(/../g);
    new VmInterface(vm + "-" + index, { vm, profile: profiles[profile], mac: ["52:54:00", ...octets].join(":") });
  }
`;

/** The engine's floor and what a user would write: resources of the same inputs with a provider of their own. */
const dynamic = (provider: string) => `
import * as pulumi from "@pulumi/pulumi";
import { execFile } from "node:child_process";
const id = (value) => (value instanceof pulumi.Resource ? value.id : value);
${provider}
class VnicProfile extends pulumi.dynamic.Resource {
  constructor(name, { failover, ...args }) {
    super(provider, name, { ...args, name, failover: id(failover), differsOn: undefined });
  }
}
class VmInterface extends pulumi.dynamic.Resource {
  constructor(name, { profile, ...args }) {
    const outputs = { host: undefined, vf: undefined, aliases: undefined, xml: undefined, missing: undefined };
    super(provider, name, { ...args, ...outputs, name, profile: id(profile) });
  }
}
`;

const sources: Readonly<Record<ProgramWay, (roundTrip: number) => string>> = {
  ours: () => `import { VmInterface, VnicProfile } from "pulumi-vnic-failover";`,

  floor: () => dynamic(`const provider = { create: async (inputs) => ({ id: inputs.name, outs: inputs }) };`),

  // What the engine and the SDK take for as much state as ours: an interface's outputs, of the same kinds and lengths.
  "same-outputs": () =>
    dynamic(`
const outputs = (passed) => ({
  host: "host1", vmId: "11111111-2222-4333-8444-000000000001", vf: passed ? "0000:20:03.0" : null, missing: [],
  aliases: Array(passed ? 2 : 1).fill("ua-f6f7fc0c-7724-437c-884a-74fc3db3bc78"), xml: "x".repeat(passed ? 604 : 225),
});
const provider = {
  create: async (inputs) => ({
    id: inputs.name, outs: inputs.vm === undefined ? inputs : { ...inputs, ...outputs(inputs.profile.endsWith("-vf")) },
  }),
};`),

  // A program of this machine for each question and each change, and the time that a host takes to answer it.
  command: (roundTrip) =>
    dynamic(`
const run = () => new Promise((resolve, reject) => {
  execFile("/bin/true", (error) => (error ? reject(error) : setTimeout(resolve, ${roundTrip})));
});
const provider = {
  check: async (olds, news) => { await run(); return { inputs: news, failures: [] }; },
  create: async (inputs) => { await run(); return { id: inputs.name, outs: inputs }; },
  read: async (id, props) => { await run(); return { id, props }; },
};`),
};

export function program(way: ProgramWay, { resources, roundTrip }: { resources: number; roundTrip: number }): string {
  return sources[way](roundTrip) + profiles + interfaces(resources);
}

/**
 * A provider as a user would write it in the program, with a part of this package's own rules and XML as its code (it lies in
 * `./code`): Pulumi puts the text of all that it reaches into each resource.
 */
export function capturing(resources: number): string {
  const provider = `
import { evaluate, interfaceRules } from "./code/rules/index.js";
import { buildPrimary, buildStandby } from "./code/backends/libvirt/xml/teaming.js";
import { formatXml } from "./code/xml/format.js";
const provider = {
  check: async (olds, news) => ({
    inputs: news,
    failures: evaluate(interfaceRules, {
      action: "add", backend: "libvirt", nic: news, others: [], profiles: [], networks: [], vm: {},
    }).filter(({ rule }) => rule === "interface-mac-unicast").map(({ message }) => ({ property: "mac", reason: message })),
  }),
  create: async (inputs) => {
    if (inputs.vm === undefined) return { id: inputs.name, outs: inputs };
    const { mac } = inputs;
    const standby = buildStandby({ mac, bridge: "br0", linkState: "up", alias: "ua-" + inputs.name });
    const primary = buildPrimary({
      mac, vf: { domain: 0, bus: 1, slot: 16, function: 0 }, alias: "ua-vf", standbyAlias: "ua-" + inputs.name, linkState: "up",
    });
    return { id: inputs.name, outs: { ...inputs, xml: formatXml(standby) + formatXml(primary) } };
  },
};`;
  return dynamic(provider) + profiles + interfaces(resources);
}

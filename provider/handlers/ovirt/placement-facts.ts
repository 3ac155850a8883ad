/** Whether a VM can move to a host, as far as the engine tells before it is asked to migrate. */
import {
  freeVirtualFunctions,
  installedApplications,
  listHostNics,
  listHosts,
  listNics,
  type EngineClient,
  type EngineHost,
  type EngineNetwork,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import type { HostFacts, MovingInterface, NetworkOnHost, PlacementFacts, Violation } from "../../rules/index.js";
import type { ProfileRecord } from "../../xml/network.js";
import type { FullView } from "./knowledge.js";

/**
 * Rules whose verdict the engine must have: a VF may serve a network by a label, which is not looked at, and the
 * engine's scheduler asks for each host that it filters out.
 */
export const leftToTheEngine: readonly string[] = ["move-vf-network", "move-free-vfs"];

/** What to do on oVirt where a rule's own remedy is for libvirt's hosts. */
const remedies: Readonly<Record<string, string>> = {
  "move-no-other-migration": "Wait for it, or cancel it in the Administration Portal.",
};

/** The violation with a remedy that fits oVirt. */
export function onOvirt(violation: Violation): Violation {
  const remedy = remedies[violation.rule];
  return remedy === undefined ? violation : { ...violation, remedy };
}

export async function placementFacts(
  client: EngineClient,
  view: FullView,
  vm: EngineVm,
  destination: EngineHost,
): Promise<PlacementFacts> {
  const [nics, applications, hosts] = await Promise.all([
    listNics(client, vm.id),
    installedApplications(client, vm.id),
    listHosts(client),
  ]);
  const profiles = new Map(view.profiles.map((profile) => [profile.id, profile]));
  const interfaces = nics.flatMap((nic) => movingInterface(nic, profiles));
  const source = hosts.find(({ id }) => id === vm.host);
  const needed = new Set(
    interfaces.flatMap(({ vfNetwork, standbyNetwork }) => [vfNetwork ?? [], standbyNetwork ?? []].flat()),
  );
  const kernel = applications.find((name) => /^kernel-\d/.test(name))?.replace("kernel-", "");
  return {
    vm: {
      name: vm.name,
      exists: true,
      state: stateOf(vm, interfaces),
      ...(vm.status === "migrating" && { job: "migration out" }),
      interfaces,
      guest: { agent: applications.length > 0, ...(kernel !== undefined && { os: "linux" as const, kernel }) },
    },
    ...(source !== undefined && { source: { name: source.name } }),
    destination: await hostFacts(
      client,
      vm,
      destination,
      view.networks.filter(({ name }) => needed.has(name)),
    ),
  };
}

/**
 * A NIC that is not plugged does not move. Its failover's network is wanted on the destination all the same
 * (NetworkPolicyUnit.java, validateRequiredNetworksAvailable takes the failovers of all passthrough NICs).
 */
function movingInterface(
  { name, profile: id, plugged }: EngineNic,
  profiles: ReadonlyMap<string, ProfileRecord>,
): readonly MovingInterface[] {
  const profile = profiles.get(id ?? "");
  if (profile?.passThrough !== "enabled") return plugged ? [{ name, standbyNetwork: profile?.network }] : [];
  const standbyNetwork = profiles.get(profile.failover ?? "")?.network;
  if (!plugged) return standbyNetwork === undefined ? [] : [{ name, standbyNetwork }];
  return [{ name, vfNetwork: profile.network, standbyNetwork, migratable: profile.migratable }];
}

async function hostFacts(
  client: EngineClient,
  vm: EngineVm,
  host: EngineHost,
  networks: readonly EngineNetwork[],
): Promise<HostFacts> {
  const attached = new Set((await listHostNics(client, host.id)).flatMap(({ network }) => network ?? []));
  return {
    name: host.name,
    configured: host.cluster === vm.cluster,
    networks: await Promise.all(
      networks.map(async ({ id, name }): Promise<NetworkOnHost> => ({
        name,
        // The engine makes the bridge of a VM network where it is attached, and calls it like the network.
        ...(attached.has(id) && { bridge: name }),
        physicalFunctions: [{ name, freeVfs: (await freeVirtualFunctions(client, host.id, id)).length }],
      })),
    ),
  };
}

/** A paused VM can't let go of a VF. Without one the engine migrates it. */
function stateOf(
  { status }: EngineVm,
  interfaces: readonly MovingInterface[],
): "running" | "paused" | "shutoff" | "other" {
  switch (status) {
    case "up":
    case "powering_up":
    case "migrating":
      return "running";
    case "paused":
      return interfaces.some(({ vfNetwork }) => vfNetwork !== undefined) ? "paused" : "running";
    case "down":
      return "shutoff";
    default:
      return "other";
  }
}

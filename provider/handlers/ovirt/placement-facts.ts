/** Whether a VM can move to a host, as far as the engine tells before it is asked to migrate. */
import {
  installedApplications,
  labelsFor,
  listHosts,
  listNics,
  readHostNetworking,
  serves,
  type EngineClient,
  type EngineHost,
  type EngineNetwork,
  type EngineNic,
  type EngineVm,
  type HostNetworking,
} from "../../backends/ovirt/rest/index.js";
import type {
  HostFacts,
  MovingInterface,
  MovingVm,
  NetworkOnHost,
  PlacementFacts,
  Violation,
} from "../../rules/index.js";
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import type { FullView } from "./cluster-view.js";

/**
 * Rules whose verdict the engine must have: what is free changes, and its scheduler asks for each host that it filters
 * out.
 */
export const leftToTheEngine: readonly string[] = ["move-vf-network", "move-free-vfs"];

/** What to do on oVirt where a rule's own remedy is for libvirt's hosts. */
const remedies: Readonly<Record<string, string>> = {
  "move-no-other-migration": "Wait for it, or cancel it in the Administration Portal.",
  "move-standby-network":
    "Attach the network to the host in the Administration Portal (Setup Host Networks), or choose another host.",
  "move-vf-network":
    "Allow the network, or its label, for the VFs of a physical function in the Administration Portal (Setup Host Networks), or choose another host.",
};

/** The violation with a remedy that fits oVirt. */
export function onOvirt(violation: Violation): Violation {
  const remedy = remedies[violation.rule];
  return remedy === undefined ? violation : { ...violation, remedy };
}

/** What the engine has told of its hosts, each thing asked for once. */
export interface HostReads {
  hosts(): Promise<readonly EngineHost[]>;
  /** @param host its id */
  networking(host: string): Promise<HostNetworking>;
}

export function hostReads(client: EngineClient): HostReads {
  let hosts: ReturnType<typeof listHosts> | undefined;
  const networking = new Map<string, Promise<HostNetworking>>();
  return {
    hosts: () => (hosts ??= listHosts(client)),
    networking(host) {
      const asked = networking.get(host) ?? readHostNetworking(client, host);
      networking.set(host, asked);
      return asked;
    },
  };
}

export async function placementFacts(
  client: EngineClient,
  view: FullView,
  vm: EngineVm,
  destination: EngineHost,
  reads: HostReads = hostReads(client),
): Promise<PlacementFacts> {
  const [nics, applications, hosts] = await Promise.all([
    listNics(client, vm.id),
    installedApplications(client, vm.id),
    reads.hosts(),
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
      ...(!migratesIn(vm, interfaces) && { unmovableStatus: vm.status }),
      ...(vm.status === "migrating" && { job: "migration out" }),
      interfaces,
      guest: { agent: applications.length > 0, ...(kernel !== undefined && { os: "linux" as const, kernel }) },
    },
    ...(source !== undefined && { source: { name: source.name } }),
    destination: await hostFacts(
      { client, reads },
      vm,
      destination,
      view.networks.filter(({ name }) => needed.has(name)),
    ),
    clusterNetworks: view.clusterNetworks.map(({ name }) => name),
  };
}

/**
 * Whether the engine begins a migration in the VM's status (VmValidator.java `canMigrate`), and unplugs its VFs
 * (ActivateDeactivateVmNicCommand.java). Other rules have a VM that is paused or down.
 */
function migratesIn({ status }: EngineVm, interfaces: readonly MovingInterface[]): boolean {
  const hasVf = interfaces.some(({ vfNetwork }) => vfNetwork !== undefined);
  return (
    ["up", "powering_up", "migrating", "paused", "down"].includes(status) || (status === "reboot_in_progress" && !hasVf)
  );
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
  { client, reads }: { readonly client: EngineClient; readonly reads: HostReads },
  vm: EngineVm,
  host: EngineHost,
  networks: readonly EngineNetwork[],
): Promise<HostFacts> {
  const { nics, functions } = await reads.networking(host.id);
  const attached = new Set(nics.flatMap(({ network }) => network ?? []));
  const labels = await labelsFor(
    client,
    functions,
    networks.map(({ id }) => id),
  );
  return {
    name: host.name,
    status: host.status,
    configured: host.cluster === vm.cluster,
    networks: networks.map(({ id, name }): NetworkOnHost => ({
      name,
      // The engine makes the bridge of a VM network where it is attached, and calls it like the network.
      ...(attached.has(id) && { bridge: name }),
      physicalFunctions: functions
        .filter((pf) => serves(pf, id, labels))
        .map((pf) => ({ name: pf.name, freeVfs: pf.free.length })),
    })),
  };
}

/** A paused VM cannot release a VF. Without one the engine migrates it. */
function stateOf({ status }: EngineVm, interfaces: readonly MovingInterface[]): MovingVm["state"] {
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

/**
 * Which VFs of a host the engine could give to a NIC: what its scheduler looks at, as far as the API tells it
 * (ovirt-engine: VfSchedulerImpl.java, NetworkDeviceHelperImpl.java).
 */
import type { EngineClient } from "./client.js";
import { listHostDevices, listHostNics, type EngineHostDevice, type EngineHostNic } from "./host.js";
import { idOf } from "./reading.js";

/** A physical function, and what its VFs can be given to. */
export interface EnginePhysicalFunction {
  readonly id: string;
  readonly name: string;
  /** The link: `up` or `down`. */
  readonly status: string | undefined;
  /** VFs that it has, and could have. */
  readonly number: number;
  readonly max: number;
  /** The ids of the networks that its VFs may serve by name. */
  readonly networks: "all" | readonly string[];
  /** Networks with one of these labels may be served as well. */
  readonly labels: readonly string[];
  /** VFs that are in no use. */
  readonly free: readonly EngineHostNic[];
}

export interface HostNetworking {
  readonly nics: readonly EngineHostNic[];
  readonly devices: readonly EngineHostDevice[];
  readonly functions: readonly EnginePhysicalFunction[];
}

export async function readHostNetworking(client: EngineClient, host: string): Promise<HostNetworking> {
  const [nics, devices] = await Promise.all([listHostNics(client, host), listHostDevices(client, host)]);
  const free = nics.filter((nic) => nic.physicalFunction !== undefined && isFree(nic, nics, devices));
  const functions = await Promise.all(
    nics.flatMap(({ id, name, status, virtualFunctions }) =>
      virtualFunctions === undefined
        ? []
        : (async (): Promise<EnginePhysicalFunction> => ({
            ...{ id, name, status, number: virtualFunctions.number, max: virtualFunctions.max },
            ...(await allowance(client, host, id, virtualFunctions.allNetworksAllowed)),
            free: free.filter(({ physicalFunction }) => physicalFunction === id),
          }))(),
    ),
  );
  return { nics, devices, functions };
}

/** The labels of networks, by their ids. A network that is not there has none that matter. */
export type NetworkLabels = ReadonlyMap<string, readonly string[]>;

/** The labels of these networks, which are asked for only where a physical function serves labels. */
export async function labelsFor(
  client: EngineClient,
  functions: readonly EnginePhysicalFunction[],
  networks: readonly string[],
): Promise<NetworkLabels> {
  if (functions.every(({ labels }) => labels.length === 0)) return new Map();
  const asked = [...new Set(networks)].map(async (network) => {
    const path = `/networks/${encodeURIComponent(network)}/networklabels`;
    return [network, await client.members(path, idOf, { action: "list the labels of a network" })] as const;
  });
  return new Map(await Promise.all(asked));
}

/** Whether its VFs may serve the network of that id. */
export function serves(
  { networks, labels }: Pick<EnginePhysicalFunction, "networks" | "labels">,
  network: string,
  labelsOf: NetworkLabels,
): boolean {
  if (networks === "all" || networks.includes(network)) return true;
  return labelsOf.get(network)?.some((label) => labels.includes(label)) === true;
}

/** The VFs that the engine could give to a NIC of that network. */
export async function freeVirtualFunctions(
  client: EngineClient,
  host: string,
  network: string,
): Promise<readonly EngineHostNic[]> {
  const { functions } = await readHostNetworking(client, host);
  const labels = await labelsFor(client, functions, [network]);
  return functions.flatMap((pf) => (serves(pf, network, labels) ? pf.free : []));
}

async function allowance(
  client: EngineClient,
  host: string,
  nic: string,
  all: boolean,
): Promise<Pick<EnginePhysicalFunction, "networks" | "labels">> {
  if (all) return { networks: "all", labels: [] };
  const path = `/hosts/${encodeURIComponent(host)}/nics/${encodeURIComponent(nic)}`;
  const [networks, labels] = await Promise.all([
    client.members(`${path}/virtualfunctionallowednetworks`, idOf, { action: "list the networks of a host's VFs" }),
    client.members(`${path}/virtualfunctionallowedlabels`, idOf, { action: "list the labels of a host's VFs" }),
  ]);
  return { networks, labels };
}

/**
 * The host has a netdev of it, which it has not while it is in a VM; nothing is on that; the engine has not marked it as a VM's; and
 * it is alone in its IOMMU group.
 */
function isFree(nic: EngineHostNic, nics: readonly EngineHostNic[], devices: readonly EngineHostDevice[]): boolean {
  if (nic.network !== undefined) return false;
  if (nics.some(({ base, bonded }) => base === nic.name || bonded?.includes(nic.id) === true)) return false;
  const device = deviceOf(nic, devices);
  if (device === undefined) return true;
  const { vm, iommuGroup } = device;
  const shared = iommuGroup !== undefined && devices.filter((each) => each.iommuGroup === iommuGroup).length > 1;
  return vm === undefined && !shared;
}

/** The PCI function of a NIC: its netdev's parent. The netdev's own name has what is no letter or digit as `_`. */
function deviceOf({ name }: EngineHostNic, devices: readonly EngineHostDevice[]): EngineHostDevice | undefined {
  const start = `net_${name.replaceAll(/[^A-Za-z0-9]/g, "_")}_`;
  const netdev = devices.find(
    (each) => each.name.startsWith(start) && /^(?:[0-9a-f]{2}_){5}[0-9a-f]{2}$/i.test(each.name.slice(start.length)),
  );
  return devices.find(({ id }) => id === netdev?.parent);
}

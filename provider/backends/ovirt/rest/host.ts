/** `/hosts`, and their NICs with physical and virtual functions. */
import { child, element, find, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { all, lookUp, type Kind } from "./lookup.js";
import {
  booleanIn,
  idOf,
  integerIn,
  referenceIn,
  requiredReferenceIn,
  requiredTextIn,
  textIn,
  verbatimIn,
} from "./reading.js";

export interface EngineHost {
  readonly id: string;
  readonly name: string;
  /** As the engine says it: `up`, `maintenance`, `non_operational`, … (types/HostStatus.java). */
  readonly status: string;
  readonly cluster: string;
  readonly address?: string | undefined;
  /** Bytes that the engine's scheduler still gives to VMs. */
  readonly maxSchedulingMemory?: number | undefined;
}

export interface EngineHostNic {
  readonly id: string;
  readonly name: string;
  readonly mac?: string | undefined;
  /** The id of the network that is attached to it. */
  readonly network?: string | undefined;
  /** The link: `up` or `down`. */
  readonly status?: string | undefined;
  /** Of a physical function. */
  readonly virtualFunctions?:
    { readonly number: number; readonly max: number; readonly allNetworksAllowed: boolean } | undefined;
  /** Of a virtual function: the id of its physical function. */
  readonly physicalFunction?: string | undefined;
}

/** A device of the host that a VM may get. */
export interface EngineHostDevice {
  /** libvirt's name of it: `pci_0000_b3_02_3`. */
  readonly name: string;
  /** The id of the VM that has it. */
  readonly vm?: string | undefined;
}

/** @throws XmlError */
export function parseHost(host: Element): EngineHost {
  return {
    id: idOf(host),
    name: verbatimIn(host, "name"),
    status: requiredTextIn(host, "status"),
    cluster: requiredReferenceIn(host, "cluster"),
    address: textIn(host, "address"),
    maxSchedulingMemory: integerIn(host, "max_scheduling_memory"),
  };
}

/** @throws XmlError */
export function parseHostNic(nic: Element): EngineHostNic {
  const functions = child(nic, "virtual_functions_configuration");
  return {
    id: idOf(nic),
    name: verbatimIn(nic, "name"),
    mac: textOf(find(nic, "mac", "address")),
    network: referenceIn(nic, "network"),
    status: textIn(nic, "status"),
    virtualFunctions: functions && {
      number: integerIn(functions, "number_of_virtual_functions") ?? 0,
      max: integerIn(functions, "max_number_of_virtual_functions") ?? 0,
      allNetworksAllowed: booleanIn(functions, "all_networks_allowed") ?? false,
    },
    physicalFunction: referenceIn(nic, "physical_function"),
  };
}

const hosts: Kind<EngineHost> = { name: "host", path: "/hosts", parse: parseHost };

/** @throws ProblemError when none, or several, are meant. */
export function lookUpHost(client: EngineClient, nameOrId: string): Promise<EngineHost> {
  return lookUp(client, hosts, nameOrId);
}

export function listHosts(client: EngineClient, search?: string): Promise<readonly EngineHost[]> {
  return all(client, hosts, search);
}

export async function listHostNics(client: EngineClient, host: string): Promise<readonly EngineHostNic[]> {
  // VFs and physical functions are told only with all content.
  return client.members(`${path(host)}/nics`, parseHostNic, {
    allContent: true,
    action: `list the NICs of host "${host}"`,
  });
}

export async function listHostDevices(client: EngineClient, host: string): Promise<readonly EngineHostDevice[]> {
  const read = (device: Element) => ({ name: requiredTextIn(device, "name"), vm: referenceIn(device, "vm") });
  return client.members(`${path(host)}/devices`, read, { action: `list the devices of host "${host}"` });
}

/** A physical function, and what its VFs can be given to. */
export interface EnginePhysicalFunction {
  readonly id: string;
  readonly name: string;
  /** The link: `up` or `down`. */
  readonly status: string | undefined;
  /** VFs that it has, and could have. */
  readonly number: number;
  readonly max: number;
  /** The ids of the networks that its VFs may serve, by name; labels are not looked at. */
  readonly networks: "all" | readonly string[];
  /**
   * VFs that no network is attached to and that the host has a netdev of, which it has not while a VM has the VF
   * (ovirt-engine: VfSchedulerImpl.java). Whether one shares its IOMMU group, only the engine knows.
   */
  readonly free: readonly EngineHostNic[];
}

export async function physicalFunctions(
  client: EngineClient,
  host: string,
): Promise<readonly EnginePhysicalFunction[]> {
  const nics = await listHostNics(client, host);
  const found: EnginePhysicalFunction[] = [];
  for (const { id, name, status, virtualFunctions } of nics) {
    if (virtualFunctions === undefined) continue;
    const { number, max, allNetworksAllowed } = virtualFunctions;
    found.push({
      ...{ id, name, status, number, max },
      networks: allNetworksAllowed ? "all" : await allowedNetworks(client, host, id),
      free: nics.filter(({ physicalFunction, network }) => physicalFunction === id && network === undefined),
    });
  }
  return found;
}

/** Whether its VFs may serve the network of that id. */
export function serves({ networks }: Pick<EnginePhysicalFunction, "networks">, network: string): boolean {
  return networks === "all" || networks.includes(network);
}

/** The VFs that the engine could give to a NIC of that network. */
export async function freeVirtualFunctions(
  client: EngineClient,
  host: string,
  network: string,
): Promise<readonly EngineHostNic[]> {
  return (await physicalFunctions(client, host)).flatMap((pf) => (serves(pf, network) ? pf.free : []));
}

/**
 * Asks the engine to put the host into maintenance. It answers at once, and the host gets there when no VM runs on it.
 * @throws OvirtFault
 */
export async function deactivateHost(client: EngineClient, { id, name }: EngineHost): Promise<void> {
  const action = `put host "${name}" into maintenance`;
  await client.post(`${path(id)}/deactivate`, element("action"), { action });
}

/** The ids of the networks that VFs of that physical function may serve. Labels are not looked at. */
async function allowedNetworks(client: EngineClient, host: string, nic: string): Promise<readonly string[]> {
  const networks = `${path(host)}/nics/${encodeURIComponent(nic)}/virtualfunctionallowednetworks`;
  return client.members(networks, idOf, { action: `list the networks of the VFs of host "${host}"` });
}

function path(id: string): string {
  return `/hosts/${encodeURIComponent(id)}`;
}

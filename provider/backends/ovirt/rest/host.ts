/** `/hosts`, and their NICs with physical and virtual functions. */
import { child, children, element, find, textOf, type Element } from "../../../xml/element.js";
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
  /** Of a VLAN device: the name of the NIC that it is on. */
  readonly base?: string | undefined;
  /** Of a bond: the ids of its NICs. */
  readonly bonded?: readonly string[] | undefined;
}

/** A device of the host, as libvirt tells of it. */
export interface EngineHostDevice {
  readonly id: string;
  /** libvirt's name of it: `pci_0000_b3_02_3`, and of a netdev `net_eth0_02_00_00_00_00_01`. */
  readonly name: string;
  /** The id of the VM that has it, or for which it is set aside. */
  readonly vm?: string | undefined;
  /** The id of the device that it is a part of: a netdev's is the PCI function. */
  readonly parent?: string | undefined;
  readonly iommuGroup?: number | undefined;
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
    base: textIn(nic, "base_interface"),
    bonded: children(find(nic, "bonding", "slaves"), "host_nic").map(idOf),
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
  const read = (device: Element): EngineHostDevice => ({
    id: idOf(device),
    name: requiredTextIn(device, "name"),
    vm: referenceIn(device, "vm"),
    parent: referenceIn(device, "parent_device"),
    iommuGroup: integerIn(device, "iommu_group"),
  });
  return client.members(`${path(host)}/devices`, read, { action: `list the devices of host "${host}"` });
}

/**
 * Asks the engine to put the host into maintenance. It answers at once, and the host gets there when no VM runs on it.
 * @throws OvirtFault
 */
export async function deactivateHost(client: EngineClient, { id, name }: EngineHost): Promise<void> {
  const action = `put host "${name}" into maintenance`;
  await client.post(`${path(id)}/deactivate`, element("action"), { action });
}

function path(id: string): string {
  return `/hosts/${encodeURIComponent(id)}`;
}

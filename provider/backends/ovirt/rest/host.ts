/** `/hosts`, and their NICs with physical and virtual functions. */
import { child, find, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { all, lookUp, type Kind } from "./lookup.js";
import { booleanIn, idOf, integerIn, referenceIn, requiredReferenceIn, requiredTextIn, textIn } from "./reading.js";

export interface EngineHost {
  readonly id: string;
  readonly name: string;
  /** As the engine says it: `up`, `maintenance`, `non_operational`, … (types/HostStatus.java). */
  readonly status: string;
  readonly cluster: string;
  readonly address?: string | undefined;
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
    name: requiredTextIn(host, "name"),
    status: requiredTextIn(host, "status"),
    cluster: requiredReferenceIn(host, "cluster"),
    address: textIn(host, "address"),
  };
}

/** @throws XmlError */
export function parseHostNic(nic: Element): EngineHostNic {
  const functions = child(nic, "virtual_functions_configuration");
  return {
    id: idOf(nic),
    name: requiredTextIn(nic, "name"),
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
  const nics: EngineHostNic[] = [];
  for await (const nic of client.list(`${path(host)}/nics`, { action: `list the NICs of host "${host}"` })) {
    nics.push(parseHostNic(nic));
  }
  return nics;
}

export async function listHostDevices(client: EngineClient, host: string): Promise<readonly EngineHostDevice[]> {
  const devices: EngineHostDevice[] = [];
  for await (const device of client.list(`${path(host)}/devices`, { action: `list the devices of host "${host}"` })) {
    devices.push({ name: requiredTextIn(device, "name"), vm: referenceIn(device, "vm") });
  }
  return devices;
}

/**
 * The VFs that the engine could give to a NIC of that network: their physical function allows the network, no network is
 * attached to them, and the host has a netdev of them, which it has not while a VM has the VF
 * (ovirt-engine: VfSchedulerImpl.java). Whether a VF shares its IOMMU group, only the engine knows.
 */
export async function freeVirtualFunctions(
  client: EngineClient,
  host: string,
  network: string,
): Promise<readonly EngineHostNic[]> {
  const nics = await listHostNics(client, host);
  const allowing = new Set<string>();
  for (const { id, virtualFunctions } of nics) {
    if (virtualFunctions === undefined) continue;
    if (virtualFunctions.allNetworksAllowed || (await allowedNetworks(client, host, id)).includes(network)) {
      allowing.add(id);
    }
  }
  return nics.filter(
    ({ physicalFunction, network: attached }) =>
      physicalFunction !== undefined && allowing.has(physicalFunction) && attached === undefined,
  );
}

/** The ids of the networks that VFs of that physical function may serve. Labels are not looked at. */
async function allowedNetworks(client: EngineClient, host: string, nic: string): Promise<readonly string[]> {
  const ids: string[] = [];
  const networks = `${path(host)}/nics/${encodeURIComponent(nic)}/virtualfunctionallowednetworks`;
  for await (const network of client.list(networks)) ids.push(idOf(network));
  return ids;
}

function path(id: string): string {
  return `/hosts/${encodeURIComponent(id)}`;
}

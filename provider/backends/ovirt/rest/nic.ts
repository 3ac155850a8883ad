/** `/vms/{vm}/nics` (ovirt-engine-api-model: types/Nic.java). A pair with failover is one NIC here. */
import { element, find, textElement, textOf, type Element } from "../../../xml/element.js";
import type { CallOptions, EngineClient } from "./client.js";
import { booleanIn, idOf, oneOf, referenceIn, textIn, verbatimIn } from "./reading.js";

/** `other`: one of the emulated cards, which this package never asks for. */
export type NicInterface = "virtio" | "pci_passthrough" | "other";

export interface EngineNic {
  readonly id: string;
  readonly name: string;
  readonly mac: string;
  readonly interface: NicInterface;
  readonly linked: boolean;
  readonly plugged: boolean;
  /** The profile's id; undefined: an empty profile. */
  readonly profile?: string | undefined;
}

/**
 * ms for an answer to a plug or unplug. The hosts have 30 s for each device of a pair, the engine reads the host's NICs
 * again after it, and what else is plugged into the same VM comes first.
 */
const plugAnswerMillis = 60_000 + 4 * 30_000;

/** What to write; what is left out stays, or is the engine's default: virtio, linked, plugged, a MAC of the pool. */
export interface NicWrite {
  readonly name?: string | undefined;
  readonly mac?: string | undefined;
  readonly interface?: Exclude<NicInterface, "other"> | undefined;
  readonly linked?: boolean | undefined;
  readonly plugged?: boolean | undefined;
  readonly profile?: string | undefined;
}

/** A device that the guest's agent tells of. */
export interface ReportedDevice {
  readonly name: string;
  readonly mac?: string | undefined;
}

/** @throws XmlError */
export function parseNic(nic: Element): EngineNic {
  return {
    id: idOf(nic),
    name: verbatimIn(nic, "name"),
    mac: textOf(find(nic, "mac", "address")) ?? "",
    interface: oneOf(textIn(nic, "interface"), ["virtio", "pci_passthrough"] as const, "other"),
    linked: booleanIn(nic, "linked") ?? true,
    plugged: booleanIn(nic, "plugged") ?? true,
    profile: referenceIn(nic, "vnic_profile"),
  };
}

export function formatNic(nic: NicWrite): Element {
  return element("nic", {}, [
    textElement("name", nic.name),
    textElement("interface", nic.interface),
    textElement("linked", nic.linked),
    nic.mac === undefined ? undefined : element("mac", {}, [textElement("address", nic.mac)]),
    textElement("plugged", nic.plugged),
    nic.profile === undefined ? undefined : element("vnic_profile", { id: nic.profile }),
  ]);
}

export async function listNics(client: EngineClient, vm: string): Promise<readonly EngineNic[]> {
  return client.members(path(vm), parseNic, { action: `list the NICs of VM "${vm}"` });
}

/** Undefined where there is no such NIC, or no such VM. */
export async function findNic(client: EngineClient, vm: string, id: string): Promise<EngineNic | undefined> {
  const found = await client.find(path(vm, id), { action: `read NIC "${id}"` });
  return found && parseNic(found);
}

/** @throws OvirtFault */
export async function addNic(
  client: EngineClient,
  vm: string,
  nic: NicWrite & { readonly name: string },
  options: CallOptions = {},
): Promise<EngineNic> {
  return parseNic(
    await client.post(path(vm), formatNic(nic), {
      action: `add NIC "${nic.name}"`,
      answerTimeout: plugAnswerMillis,
      ...options,
    }),
  );
}

/** @throws OvirtFault */
export async function updateNic(
  client: EngineClient,
  vm: string,
  id: string,
  nic: NicWrite,
  options: CallOptions = {},
): Promise<EngineNic> {
  const action = `edit NIC "${nic.name ?? id}"`;
  return parseNic(
    await client.put(path(vm, id), formatNic(nic), { action, answerTimeout: plugAnswerMillis, ...options }),
  );
}

/**
 * Plugs the NIC: of a pair, the VF and then the standby. Where the standby is still there, as after a migration that lost
 * the VF, the engine takes the VF back and refuses (`ACTIVATE_NIC_FAILED`).
 * @throws OvirtFault
 */
export async function activateNic(
  client: EngineClient,
  vm: string,
  id: string,
  options: CallOptions = {},
): Promise<void> {
  await client.post(`${path(vm, id)}/activate`, element("action"), {
    action: `plug NIC "${id}"`,
    answerTimeout: plugAnswerMillis,
    ...options,
  });
}

/** Unplugs the NIC: of a pair, the VF and then the standby. @throws OvirtFault */
export async function deactivateNic(
  client: EngineClient,
  vm: string,
  id: string,
  options: CallOptions = {},
): Promise<void> {
  await client.post(`${path(vm, id)}/deactivate`, element("action"), {
    action: `unplug NIC "${id}"`,
    answerTimeout: plugAnswerMillis,
    ...options,
  });
}

/** @throws OvirtFault */
export async function removeNic(
  client: EngineClient,
  vm: string,
  id: string,
  options: CallOptions = {},
): Promise<void> {
  await client.delete(path(vm, id), { action: `remove NIC "${id}"`, ...options });
}

/** What the guest says it has of the NIC: with an agent, both devices of a pair and net_failover's on top. */
export async function reportedDevices(
  client: EngineClient,
  vm: string,
  id: string,
): Promise<readonly ReportedDevice[]> {
  const read = (device: Element) => ({
    name: verbatimIn(device, "name"),
    mac: textOf(find(device, "mac", "address")),
  });
  const action = `read what the guest of VM "${vm}" reports`;
  return client.members(`${path(vm, id)}/reporteddevices`, read, { action });
}

function path(vm: string, id?: string): string {
  const nics = `/vms/${encodeURIComponent(vm)}/nics`;
  return id === undefined ? nics : `${nics}/${encodeURIComponent(id)}`;
}

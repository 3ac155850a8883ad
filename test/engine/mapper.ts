/**
 * From a request's XML onto the engine's entities (VnicProfileMapper.java, NicMapper.java), oddities included: an absent
 * element keeps what is stored; an empty `<qos/>` or `<network_filter/>` clears, an empty `<failover/>` does not;
 * `<migratable>` counts only on a passthrough profile, and is false when it is never said.
 */
import { attribute, child, children, find, textOf, type Element } from "../../provider/xml/element.js";
import { restFault } from "./fault.js";
import { newId, nicInterfaces, type Nic, type NicInterface, type Profile } from "./model.js";

export function newProfile(): Profile {
  return {
    id: newId(),
    name: "",
    network: "",
    passThrough: false,
    migratable: false,
    portMirroring: false,
    customProperties: {},
  };
}

/** @throws EngineFault for values that are none. */
export function mapProfile(model: Element, stored: Profile): Profile {
  const entity = { ...stored };
  entity.name = textIn(model, "name") ?? entity.name;
  entity.description = child(model, "description") ? (textIn(model, "description") ?? "") : entity.description;
  entity.network = idIn(model, "network") ?? entity.network;
  entity.portMirroring = booleanIn(model, "port_mirroring") ?? entity.portMirroring;
  if (child(model, "custom_properties")) entity.customProperties = customPropertiesIn(model);
  if (child(model, "qos")) entity.qos = idIn(model, "qos");
  const mode = textOf(find(model, "pass_through", "mode"));
  if (mode !== undefined) entity.passThrough = oneOf(mode, ["enabled", "disabled"]) === "enabled";
  if (entity.passThrough) entity.migratable = booleanIn(model, "migratable") ?? entity.migratable;
  entity.failover = idIn(model, "failover") ?? entity.failover;
  if (child(model, "network_filter")) entity.networkFilter = idIn(model, "network_filter");
  return entity;
}

/** VmNic.java's and VmNetworkInterface.java's initial values: a NIC is plugged and linked unless the request says otherwise. */
export function newNic(): Nic {
  return { id: newId(), name: "", mac: "", interface: "virtio", linked: true, plugged: true };
}

/** @throws EngineFault for values that are none. */
export function mapNic(model: Element, stored: Nic): Nic {
  const entity = { ...stored };
  entity.name = textIn(model, "name") ?? entity.name;
  entity.mac = textOf(find(model, "mac", "address")) ?? entity.mac;
  entity.linked = booleanIn(model, "linked") ?? entity.linked;
  entity.plugged = booleanIn(model, "plugged") ?? entity.plugged;
  const type = textIn(model, "interface");
  if (type !== undefined) entity.interface = oneOf<NicInterface>(type, nicInterfaces);
  if (child(model, "vnic_profile")) entity.profile = idIn(model, "vnic_profile");
  return entity;
}

export function idIn(model: Element, name: string): string | undefined {
  const element = child(model, name);
  return attribute(element, "id") ?? textOf(child(element, "id"));
}

export function textIn(model: Element, name: string): string | undefined {
  return textOf(child(model, name));
}

export function booleanIn(model: Element, name: string): boolean | undefined {
  const text = textIn(model, name);
  return text === undefined ? undefined : ["true", "1"].includes(oneOf(text, ["true", "false", "1", "0"]));
}

function customPropertiesIn(model: Element): Readonly<Record<string, string>> {
  const properties = children(child(model, "custom_properties"), "custom_property");
  return Object.fromEntries(
    properties.map((property) => [textIn(property, "name") ?? "", textIn(property, "value") ?? ""]),
  );
}

function oneOf<Value extends string>(text: string, values: readonly Value[]): Value {
  const value = values.find((candidate) => candidate === text);
  if (value === undefined) throw restFault(400, `The value '${text}' isn't valid.`, "Invalid value");
  return value;
}

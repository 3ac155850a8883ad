/**
 * From a request's XML onto the engine's entities (VnicProfileMapper.java, NicMapper.java), oddities included: an absent
 * element keeps what is stored; an empty `<qos/>` or `<network_filter/>` clears, an empty `<failover/>` does not;
 * `<migratable>` counts only on a passthrough profile, and is false when it is never said.
 */
import { attribute, child, children, type Element } from "../../provider/xml/element.js";
import { malformedId } from "./fault.js";
import { newId, nicInterfaces, type Nic, type Profile } from "./model.js";

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

export function mapProfile(model: Element, stored: Profile): Profile {
  const entity = { ...stored };
  entity.name = textIn(model, "name") ?? entity.name;
  entity.description = textIn(model, "description") ?? entity.description;
  entity.network = idIn(model, "network") ?? entity.network;
  entity.portMirroring = booleanIn(model, "port_mirroring") ?? entity.portMirroring;
  if (child(model, "custom_properties")) entity.customProperties = customPropertiesIn(model);
  if (child(model, "qos")) entity.qos = idIn(model, "qos");
  const mode = child(child(model, "pass_through"), "mode");
  if (mode !== undefined) entity.passThrough = mode.text?.toLowerCase() === "enabled";
  if (entity.passThrough) entity.migratable = booleanIn(model, "migratable") ?? entity.migratable;
  entity.failover = idIn(model, "failover") ?? entity.failover;
  if (child(model, "network_filter")) entity.networkFilter = idIn(model, "network_filter");
  return entity;
}

/** VmNic.java's and VmNetworkInterface.java's initial values: a NIC is plugged and linked unless the request says otherwise. */
export function newNic(): Nic {
  return { id: newId(), name: "", mac: "", interface: "virtio", linked: true, plugged: true };
}

export function mapNic(model: Element, stored: Nic): Nic {
  const entity = { ...stored };
  entity.name = textIn(model, "name") ?? entity.name;
  const address = child(child(model, "mac"), "address");
  if (address !== undefined) entity.mac = address.text ?? "";
  entity.linked = booleanIn(model, "linked") ?? entity.linked;
  entity.plugged = booleanIn(model, "plugged") ?? entity.plugged;
  const type = textIn(model, "interface")?.toLowerCase();
  entity.interface = nicInterfaces.find((each) => each === type) ?? entity.interface;
  if (child(model, "vnic_profile")) entity.profile = idIn(model, "vnic_profile");
  return entity;
}

const guidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isGuid(text: string): boolean {
  return guidPattern.test(text);
}

/** The references that the mappers read. */
const references = ["network", "qos", "failover", "network_filter", "vnic_profile", "host"];

/** The body of a request, of whose references each id is one. @throws EngineFault */
export function withIds(model: Element): Element {
  for (const name of references) {
    const id = idIn(model, name);
    if (id !== undefined && !isGuid(id)) throw malformedId(id);
  }
  return model;
}

export function idIn(model: Element, name: string): string | undefined {
  return attribute(child(model, name), "id")?.toLowerCase();
}

/** With the blanks around it, which the engine keeps; an empty element is an empty text. */
export function textIn(model: Element, name: string): string | undefined {
  const found = child(model, name);
  return found && (found.text ?? "");
}

/** Of a body that has been read: the value is one. */
function booleanIn(model: Element, name: string): boolean | undefined {
  const text = textIn(model, name);
  return text === undefined ? undefined : ["true", "1"].includes(text.toLowerCase());
}

function customPropertiesIn(model: Element): Readonly<Record<string, string>> {
  const properties = children(child(model, "custom_properties"), "custom_property");
  return Object.fromEntries(
    properties.map((property) => [textIn(property, "name") ?? "", textIn(property, "value") ?? ""]),
  );
}

import {
  attribute,
  child,
  children,
  element,
  find,
  formatXml,
  parseXml,
  textOf,
  XmlError,
} from "../../../xml/element.js";
import type { Element } from "../../../xml/element.js";
import { buildMetadata, embedMetadata, findMetadata } from "./metadata.js";
import { defined } from "../../../xml/values.js";

/** A vNIC profile with the attributes that oVirt's has (ovirt-engine-api-model, VnicProfile.java). */
export interface ProfileRecord {
  /** A UUID. */
  readonly id: string;
  readonly name: string;
  /** The logical network's name. */
  readonly network: string;
  readonly passThrough: "enabled" | "disabled";
  readonly migratable: boolean;
  /** The id of the profile of the standby. */
  readonly failover?: string;
  readonly portMirroring: boolean;
  readonly networkFilter?: string;
  readonly qos?: string;
  readonly customProperties: Readonly<Record<string, string>>;
  readonly description?: string;
  /** The Pulumi resource that it is of: `<stack>::<project>::<name>`. Older versions wrote none. */
  readonly owner?: string;
}

/** What a profile's network is on one host: its bridge, or the PF whose VFs serve it. */
export interface ProfilePlace {
  readonly bridge?: string;
  readonly physicalFunction?: string;
}

/**
 * The libvirt network that stands for a profile on a host, with the profile's name and UUID: a host's bridge, or the pool of
 * one PF's VFs (libvirt takes only one `<pf>`). What libvirt has no place for is in `<metadata>`.
 * @throws XmlError `xml-unwritable` if the place lacks what the profile needs.
 */
export function buildProfileNetwork(profile: ProfileRecord, place: ProfilePlace): Element {
  const { description, customProperties } = profile;
  const metadata = buildMetadata(
    "profile",
    {
      network: profile.network,
      passThrough: profile.passThrough,
      migratable: String(profile.migratable),
      failover: profile.failover,
      portMirroring: String(profile.portMirroring),
      networkFilter: profile.networkFilter,
      qos: profile.qos,
      owner: profile.owner,
    },
    [
      // Not libvirt's own <description> of a network: it came with 9.7.
      description === undefined ? undefined : element("description", {}, description),
      ...Object.entries(customProperties)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => element("customProperty", { name, value })),
    ],
  );
  return element("network", {}, [
    element("name", {}, profile.name),
    element("uuid", {}, profile.id),
    element("metadata", {}, [embedMetadata("profile", metadata)]),
    ...forwarding(profile, place),
  ]);
}

function forwarding(profile: ProfileRecord, { bridge, physicalFunction }: ProfilePlace): readonly Element[] {
  if (profile.passThrough === "enabled") {
    if (physicalFunction === undefined) throw incomplete(profile, "physicalFunctions");
    return [element("forward", { mode: "hostdev", managed: "yes" }, [element("pf", { dev: physicalFunction })])];
  }
  if (bridge === undefined) throw incomplete(profile, "bridge");
  return [element("forward", { mode: "bridge" }), element("bridge", { name: bridge })];
}

/**
 * Reads a profile back from a libvirt network; `undefined` for a network that carries no profile of ours.
 * @throws XmlError `xml-unexpected` for one whose metadata can't be understood; else as {@link parseXml}.
 */
export function parseProfileNetwork(
  xml: string,
): { readonly profile: ProfileRecord; readonly bridge?: string; readonly pf?: string } | undefined {
  const root = parseXml(xml);
  const metadata = findMetadata("profile", root);
  if (metadata === undefined) return undefined;
  const name = child(root, "name")?.text ?? "";
  const read = (key: string) => attribute(metadata, key) ?? unreadable(name, key);
  const description = child(metadata, "description");
  const profile: ProfileRecord = {
    id: textOf(child(root, "uuid")) ?? unreadable(name, "uuid"),
    name,
    network: read("network"),
    passThrough: oneOf(name, "passThrough", read("passThrough"), { enabled: "enabled", disabled: "disabled" }),
    migratable: oneOf(name, "migratable", read("migratable"), { true: true, false: false }),
    portMirroring: oneOf(name, "portMirroring", read("portMirroring"), { true: true, false: false }),
    customProperties: Object.fromEntries(
      children(metadata, "customProperty").map((property) => [
        attribute(property, "name") ?? unreadable(name, "customProperty"),
        attribute(property, "value") ?? "",
      ]),
    ),
    ...defined({
      failover: attribute(metadata, "failover"),
      networkFilter: attribute(metadata, "networkFilter"),
      qos: attribute(metadata, "qos"),
      description: description === undefined ? undefined : (description.text ?? ""),
      owner: attribute(metadata, "owner"),
    }),
  };
  const bridge = attribute(child(root, "bridge"), "name");
  const pf = attribute(find(root, "forward", "pf"), "dev");
  return { profile, ...defined({ bridge, pf }) };
}

/** {@link buildProfileNetwork} as the text that virNetworkDefineXML takes. */
export function formatProfileNetwork(profile: ProfileRecord, place: ProfilePlace): string {
  return formatXml(buildProfileNetwork(profile, place));
}

function oneOf<T>(profile: string, key: string, text: string, values: Readonly<Record<string, T>>): T {
  const value = Object.entries(values).find(([spelling]) => spelling === text);
  return value === undefined ? unreadable(profile, key) : value[1];
}

function unreadable(profile: string, key: string): never {
  throw new XmlError({
    code: "xml-unexpected",
    what: `Unable to read "${key}" of the profile in libvirt network "${profile}"`,
    remedy:
      "Its <metadata> was changed by hand or by a newer version: correct it with virsh net-edit, or undefine the network.",
  });
}

function incomplete(profile: ProfileRecord, setting: "bridge" | "physicalFunctions"): XmlError {
  return new XmlError({
    code: "xml-unwritable",
    what: `Unable to define profile "${profile.name}": network "${profile.network}" has no ${setting} on this host`,
    remedy: `Set ${setting} of the network in vnic-failover:cluster.`,
  });
}

/**
 * What libvirt makes of an interface of the network (src/network/bridge_driver.c, networkAllocatePort): `hostdev`, `bridge`,
 * `direct`, or `network` where the host routes.
 */
export function interfaceTypeOf(networkXml: string): "hostdev" | "bridge" | "direct" | "network" {
  const network = parseXml(networkXml);
  const mode = attribute(child(network, "forward"), "mode");
  if (mode === "hostdev") return "hostdev";
  if (mode === "bridge") return attribute(child(network, "bridge"), "name") === undefined ? "direct" : "bridge";
  return mode === "private" || mode === "vepa" || mode === "passthrough" ? "direct" : "network";
}

/** `/vnicprofiles` (ovirt-engine-api-model: types/VnicProfile.java; ovirt-engine: VnicProfileMapper.java). */
import { child, children, element, find, textElement, textOf, type Element } from "../../../xml/element.js";
import type { CallOptions, EngineClient } from "./client.js";
import { booleanIn, idOf, requiredReferenceIn, requiredTextIn, referenceIn, textIn, verbatimIn } from "./reading.js";

/** A profile, as the engine has it. All references are ids. */
export interface EngineProfile {
  readonly id: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly network: string;
  readonly passThrough: "enabled" | "disabled";
  /** The engine shows it only on passthrough profiles. */
  readonly migratable?: boolean | undefined;
  readonly portMirroring: boolean;
  readonly failover?: string | undefined;
  readonly networkFilter?: string | undefined;
  readonly qos?: string | undefined;
  readonly customProperties: Readonly<Record<string, string>>;
}

/**
 * What to write. Left out: a new profile gets the engine's default, an old one keeps what it has. `null` clears, which
 * there is for the filter and the QoS, and not for `failover`: the engine ignores an empty one.
 */
export interface ProfileWrite {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly network?: string | undefined;
  readonly passThrough?: "enabled" | "disabled" | undefined;
  /** Left out of a new profile it means false, whatever the API's documentation says. */
  readonly migratable?: boolean | undefined;
  readonly portMirroring?: boolean | undefined;
  readonly failover?: string | undefined;
  readonly networkFilter?: string | null | undefined;
  readonly qos?: string | null | undefined;
  readonly customProperties?: Readonly<Record<string, string>> | undefined;
}

/** @throws XmlError */
export function parseProfile(profile: Element): EngineProfile {
  const properties = children(child(profile, "custom_properties"), "custom_property");
  return {
    id: idOf(profile),
    name: verbatimIn(profile, "name"),
    description: child(profile, "description")?.text,
    network: requiredReferenceIn(profile, "network"),
    passThrough: textOf(find(profile, "pass_through", "mode")) === "enabled" ? "enabled" : "disabled",
    migratable: booleanIn(profile, "migratable"),
    portMirroring: booleanIn(profile, "port_mirroring") ?? false,
    failover: referenceIn(profile, "failover"),
    networkFilter: referenceIn(profile, "network_filter"),
    qos: referenceIn(profile, "qos"),
    customProperties: Object.fromEntries(
      properties.map((property) => [requiredTextIn(property, "name"), textIn(property, "value") ?? ""]),
    ),
  };
}

export function formatProfile(profile: ProfileWrite): Element {
  return element("vnic_profile", {}, [
    textElement("name", profile.name),
    textElement("description", profile.description),
    reference("network", profile.network),
    profile.passThrough === undefined
      ? undefined
      : element("pass_through", {}, [textElement("mode", profile.passThrough)]),
    textElement("migratable", profile.migratable),
    textElement("port_mirroring", profile.portMirroring),
    reference("failover", profile.failover),
    reference("network_filter", profile.networkFilter),
    reference("qos", profile.qos),
    profile.customProperties === undefined
      ? undefined
      : element(
          "custom_properties",
          {},
          Object.entries(profile.customProperties).map(([name, value]) =>
            element("custom_property", {}, [textElement("name", name), textElement("value", value)]),
          ),
        ),
  ]);
}

/**
 * Every profile that the user may see, in one answer: the engine has no search of profiles, and answers one with an empty
 * list, so that there are no pages of them.
 */
export async function listProfiles(client: EngineClient): Promise<readonly EngineProfile[]> {
  return client.members("/vnicprofiles", parseProfile, { action: "list vNIC profiles" });
}

/** Undefined where there is none of that id. */
export async function findProfile(client: EngineClient, id: string): Promise<EngineProfile | undefined> {
  const found = await client.find(path(id), { action: `read vNIC profile "${id}"` });
  return found && parseProfile(found);
}

/** @throws OvirtFault */
export async function addProfile(
  client: EngineClient,
  profile: ProfileWrite & { readonly name: string; readonly network: string },
  options: CallOptions = {},
): Promise<EngineProfile> {
  const action = `add vNIC profile "${profile.name}"`;
  return parseProfile(await client.post("/vnicprofiles", formatProfile(profile), { action, ...options }));
}

/** @throws OvirtFault */
export async function updateProfile(
  client: EngineClient,
  id: string,
  profile: ProfileWrite,
  options: CallOptions = {},
): Promise<EngineProfile> {
  const action = `edit vNIC profile "${profile.name ?? id}"`;
  return parseProfile(await client.put(path(id), formatProfile(profile), { action, ...options }));
}

/**
 * The engine clears the `failover` of every profile that names this one, and says nothing of it.
 * @throws OvirtFault
 */
export async function removeProfile(client: EngineClient, id: string, options: CallOptions = {}): Promise<void> {
  await client.delete(path(id), { action: `remove vNIC profile "${id}"`, ...options });
}

function path(id: string): string {
  return `/vnicprofiles/${encodeURIComponent(id)}`;
}

/** `<name id="…"/>`; empty, which clears, for null. */
function reference(name: string, id: string | null | undefined): Element | undefined {
  return id === undefined ? undefined : element(name, id === null ? {} : { id });
}

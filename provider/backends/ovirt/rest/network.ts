/** `/networks`, and what profiles name besides: filters and QoS. */
import { attribute, child, children, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { all, lookUp, type Kind } from "./lookup.js";
import { booleanIn, idOf, integerIn, requiredReferenceIn, verbatimIn } from "./reading.js";

export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  /** The data center's id. */
  readonly dataCenter: string;
  readonly vmNetwork: boolean;
  /** Provided by something outside the engine. */
  readonly external: boolean;
  readonly portIsolation: boolean;
  /** Bytes; undefined: the engine's default. */
  readonly mtu?: number | undefined;
}

/** Something that has no more than a name here. */
export interface EngineNamed {
  readonly id: string;
  readonly name: string;
}

/** @throws XmlError */
export function parseNetwork(network: Element): EngineNetwork {
  const mtu = integerIn(network, "mtu");
  return {
    id: idOf(network),
    name: verbatimIn(network, "name"),
    dataCenter: requiredReferenceIn(network, "data_center"),
    vmNetwork: children(child(network, "usages"), "usage").some((usage) => textOf(usage) === "vm"),
    external: attribute(child(network, "external_provider"), "id") !== undefined,
    portIsolation: booleanIn(network, "port_isolation") ?? false,
    // 0 is how the engine says that it has none of its own.
    mtu: mtu === 0 ? undefined : mtu,
  };
}

// The engine makes a management network for each data center.
const networks: Kind<EngineNetwork> = { name: "network", path: "/networks", parse: parseNetwork, neverEmpty: true };

/** @throws ProblemError when none, or several, are meant: a name is unique in its data center only. */
export function lookUpNetwork(client: EngineClient, nameOrId: string): Promise<EngineNetwork> {
  return lookUp(client, networks, nameOrId);
}

export function listNetworks(client: EngineClient, search?: string): Promise<readonly EngineNetwork[]> {
  return all(client, networks, search);
}

export function listNetworkFilters(client: EngineClient): Promise<readonly EngineNamed[]> {
  return namesIn(client, "/networkfilters", "list the network filters");
}

/** The data center's QoS for VM networks. */
export async function listNetworkQos(client: EngineClient, dataCenter: string): Promise<readonly EngineNamed[]> {
  const path = `/datacenters/${encodeURIComponent(dataCenter)}/qoss`;
  return namesIn(client, path, "list the QoS of the data center", "network");
}

/** @param type keeps only members of that `<type>`. */
async function namesIn(
  client: EngineClient,
  path: string,
  action: string,
  type?: string,
): Promise<readonly EngineNamed[]> {
  const read = (member: Element) => ({
    id: idOf(member),
    name: verbatimIn(member, "name"),
    type: textOf(child(member, "type")),
  });
  const found = await client.members(path, read, { action });
  return found.filter((each) => type === undefined || each.type === type).map(({ id, name }) => ({ id, name }));
}

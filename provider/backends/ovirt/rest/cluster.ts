/** `/clusters`, and the networks that are attached to one. */
import { child, find, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { all, emptyList, lookUp, type Kind } from "./lookup.js";
import { parseNetwork, type EngineNetwork } from "./network.js";
import { idOf, integerIn, referenceIn, verbatimIn } from "./reading.js";

export interface EngineCluster {
  readonly id: string;
  readonly name: string;
  /** The compatibility version, on which features depend. */
  readonly level: { readonly major: number; readonly minor: number };
  readonly dataCenter?: string | undefined;
}

/** @throws XmlError */
export function parseCluster(cluster: Element): EngineCluster {
  const version = child(cluster, "version");
  return {
    id: idOf(cluster),
    name: verbatimIn(cluster, "name"),
    level: { major: integerIn(version, "major") ?? 0, minor: integerIn(version, "minor") ?? 0 },
    dataCenter: referenceIn(cluster, "data_center"),
  };
}

// The engine is set up with one, and the stack's configuration names one.
const clusters: Kind<EngineCluster> = { name: "cluster", path: "/clusters", parse: parseCluster, neverEmpty: true };

/** @throws ProblemError when none is meant. */
export function lookUpCluster(client: EngineClient, nameOrId: string): Promise<EngineCluster> {
  return lookUp(client, clusters, nameOrId);
}

export function listClusters(client: EngineClient, search?: string): Promise<readonly EngineCluster[]> {
  return all(client, clusters, search);
}

export async function listClusterNetworks(client: EngineClient, cluster: string): Promise<readonly EngineNetwork[]> {
  const path = `/clusters/${encodeURIComponent(cluster)}/networks`;
  const networks = await client.members(path, parseNetwork, { action: `list the networks of cluster "${cluster}"` });
  // A cluster has its management network at least.
  if (networks.length === 0) throw emptyList(`networks of cluster "${cluster}"`, client.where);
  return networks;
}

/** `4.5.7-1.el9`; undefined: the engine does not say. */
export async function engineVersion(client: EngineClient): Promise<string | undefined> {
  const api = await client.get("", { action: "read the engine's version" });
  return textOf(find(api, "product_info", "version", "full_version"));
}

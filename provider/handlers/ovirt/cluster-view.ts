/** What the engine and the program together know, as the rules want it. */
import {
  listClusterNetworks,
  listNetworkFilters,
  listNetworkQos,
  listNetworks,
  listNics,
  listProfiles,
  listVms,
  type EngineClient,
  type EngineNamed,
  type EngineNetwork,
  type EngineNic,
  type EngineProfile,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import type { LogicalNetwork } from "../../rules/index.js";
import { UNKNOWN, type Eventual } from "../../model/unknown.js";
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import type { RecordedInterface, StoreView } from "../cluster-view.js";
import { Declarations } from "../declarations.js";
import { asUnreachable, type Engine } from "./session.js";

/** How many VMs are asked for their NICs at once. */
const vmsAtOnce = 8;

/** Of the data center that the stack's cluster is in. Profiles have the names of their network, filter and QoS. */
export interface EngineView extends StoreView {
  /** The data center's. */
  readonly networks: Eventual<readonly EngineNetwork[]>;
  /** Those of them that are attached to the stack's cluster. */
  readonly clusterNetworks: Eventual<readonly EngineNetwork[]>;
  readonly filters: Eventual<readonly EngineNamed[]>;
  readonly qos: Eventual<readonly EngineNamed[]>;
}

/** Nothing of it is unknown. */
export type FullView = { readonly [Key in keyof EngineView]: Exclude<EngineView[Key], typeof UNKNOWN> };

/**
 * @param whose NICs to read: a profile's users may be any VM's.
 * @param program Default: nothing is declared.
 * @throws ProblemError, also where the engine does not answer.
 */
export async function readEngine(
  { client, cluster }: Engine,
  whose: "every VM" | EngineVm | undefined,
  program = new Declarations(),
): Promise<FullView> {
  const { id, dataCenter } = await cluster();
  const [everyNetwork, clusterNetworks, found, filters, qos] = await Promise.all([
    listNetworks(client),
    listClusterNetworks(client, id),
    listProfiles(client),
    listNetworkFilters(client),
    dataCenter === undefined ? [] : listNetworkQos(client, dataCenter),
  ]);
  const networks = everyNetwork.filter((network) => network.dataCenter === dataCenter);
  const profiles = found.map((profile) => recordOf(profile, { networks, filters, qos }));
  const interfaces = await nicsOf(client, whose, profiles);
  return { program, profiles, interfaces, networks, clusterNetworks, filters, qos, unreachable: undefined };
}

/** For a preview: an engine that does not answer makes everything unknown, and never a rule's error. */
export async function readEngineIfItAnswers(
  engine: Engine,
  whose: "every VM" | EngineVm | undefined,
  program: Declarations,
): Promise<EngineView> {
  try {
    return await readEngine(engine, whose, program);
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable === undefined) throw error;
    return {
      program,
      profiles: UNKNOWN,
      interfaces: UNKNOWN,
      networks: UNKNOWN,
      clusterNetworks: UNKNOWN,
      filters: UNKNOWN,
      qos: UNKNOWN,
      unreachable,
    };
  }
}

async function nicsOf(
  client: EngineClient,
  whose: "every VM" | EngineVm | undefined,
  profiles: readonly ProfileRecord[],
): Promise<RecordedInterface[]> {
  const vms = whose === "every VM" ? await listVms(client) : whose === undefined ? [] : [whose];
  const failovers = new Map(profiles.map(({ id, failover }) => [id, failover]));
  const found: RecordedInterface[] = [];
  for (let first = 0; first < vms.length; first += vmsAtOnce) {
    const turn = vms.slice(first, first + vmsAtOnce).map(async (vm) => {
      const nics = await listNics(client, vm.id);
      return nics.map((nic) => nicOf(vm, nic, failovers.get(nic.profile ?? "")));
    });
    found.push(...(await Promise.all(turn)).flat());
  }
  return found;
}

/** As the same pair would be recorded with libvirt: oVirt makes the standby of the failover profile. */
export function nicOf(
  vm: Pick<EngineVm, "id" | "name">,
  { id, name, profile = "", mac, plugged, linked }: EngineNic,
  failover?: string,
): RecordedInterface {
  const record = {
    id,
    profile,
    mac: mac.toLowerCase(),
    plugged,
    linked,
    // A NIC is named after its resource.
    owner: name,
    ...(failover !== undefined && { standbyProfile: failover }),
  };
  return { vm: vm.name, vmId: vm.id, record };
}

/** The profile with names in the place of ids, where the data center has them. */
export function recordOf(
  profile: EngineProfile,
  { networks, filters, qos }: Pick<FullView, "networks" | "filters" | "qos">,
): ProfileRecord {
  const { id, name, network, passThrough, migratable, failover, portMirroring, customProperties, description } =
    profile;
  const filter = nameOf(filters, profile.networkFilter);
  const limit = nameOf(qos, profile.qos);
  return {
    id,
    name,
    network: nameOf(networks, network) ?? network,
    passThrough,
    migratable: migratable ?? false,
    portMirroring,
    customProperties,
    ...(failover !== undefined && { failover }),
    ...(filter !== undefined && { networkFilter: filter }),
    ...(limit !== undefined && { qos: limit }),
    ...(description !== undefined && description !== "" && { description }),
  };
}

/** The name of what the user may have given the id of. */
export function canonicalName<Name>(things: Eventual<readonly EngineNamed[]>, nameOrId: Name): Name | string {
  if (things === UNKNOWN || typeof nameOrId !== "string") return nameOrId;
  return namedOrOfId(things, nameOrId)?.name ?? nameOrId;
}

/** The name as the user spells it: where an id was given, the id. */
export function spelledAs(given: string | undefined, { id, name }: EngineNamed): string {
  return given === id ? id : name;
}

/** @throws ProblemError */
export function idNamed(kind: string, things: readonly EngineNamed[], nameOrId: string): string {
  const found = namedOrOfId(things, nameOrId);
  if (found !== undefined) return found.id;
  throw new ProblemError({
    code: "engine-name-unknown",
    what: `Unable to find ${kind} "${nameOrId}" in the data center of the stack's cluster`,
    remedy: "Check the name (it is case-sensitive), and that the user has permission to see it.",
  });
}

export function logicalNetworks(networks: Eventual<readonly EngineNetwork[]>): Eventual<readonly LogicalNetwork[]> {
  if (networks === UNKNOWN) return UNKNOWN;
  return networks.map(({ name, vmNetwork, external, portIsolation, mtu }) => ({
    name,
    vmNetwork,
    external,
    portIsolation,
    mtu,
  }));
}

export function namesOf(things: Eventual<readonly EngineNamed[]>): Eventual<readonly string[]> {
  return things === UNKNOWN ? UNKNOWN : things.map(({ name }) => name);
}

/** An id that is no name stays what it is. */
function nameOf(things: readonly EngineNamed[], id: string | undefined): string | undefined {
  return things.find((thing) => thing.id === id)?.name ?? id;
}

function namedOrOfId(things: readonly EngineNamed[], nameOrId: string): EngineNamed | undefined {
  return things.find(({ name }) => name === nameOrId) ?? things.find(({ id }) => id === nameOrId);
}

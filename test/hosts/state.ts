/** What is on the hosts now, as the STATE.json of `npm run model-hosts` tells it. */
import { DomainState } from "../../provider/backends/libvirt/constants.js";
import { formatXml } from "../../provider/xml/element.js";
import { numbered } from "./definition.js";
import type { DomainModel } from "./domains.js";
import type { LibvirtHostModel } from "./libvirt-host.js";

export interface HostsState {
  readonly hosts: Readonly<Record<string, HostState>>;
}

export interface HostState {
  /** False: nothing listens at its socket, from the start or since it lost power. */
  readonly reachable: boolean;
  /** By name. */
  readonly domains: Readonly<Record<string, DomainStateNow>>;
  /** By PCI address. */
  readonly virtualFunctions: Readonly<
    Record<string, { readonly driver: string; /** A running domain. */ readonly usedBy: string | null }>
  >;
  /** The XML of libvirt's networks by name: the profiles. */
  readonly networks: Readonly<Record<string, string>>;
}

export interface DomainStateNow {
  readonly uuid: string;
  /** `paused` is also a copy that a migration has not finished yet. */
  readonly state: "running" | "paused" | "shutoff";
  readonly autostart: boolean;
  /** Null: it does not run. */
  readonly live: string | null;
  /** Null: it is transient. */
  readonly definition: string | null;
  /** Each element of the metadata as XML, by its namespace; where both definitions have one, the running domain's. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Watched {
  readonly host: LibvirtHostModel;
  readonly listens: boolean;
}

export function stateOf(watched: readonly Watched[]): HostsState {
  return { hosts: Object.fromEntries(watched.map((each) => [each.host.name, hostState(each)])) };
}

function hostState({ host, listens }: Watched): HostState {
  const { domains, devices, networks } = host;
  return {
    reachable: listens && host.hasPower,
    domains: Object.fromEntries(
      domains.all().map((domain) => [
        domain.name,
        {
          uuid: domain.uuid,
          state: stateName(domain),
          autostart: domain.autostart,
          live: domain.live === undefined ? null : formatXml(numbered(domain.live, domain.id)),
          definition: domain.config === undefined ? null : formatXml(domain.config),
          metadata: domains.allMetadata(domain),
        },
      ]),
    ),
    virtualFunctions: Object.fromEntries(
      devices
        .virtualFunctions()
        .map(({ address, driver }) => [address, { driver, usedBy: domains.userOf(address) ?? null }]),
    ),
    networks: Object.fromEntries(networks.all().map((network) => [network.name, networks.xml(network)])),
  };
}

function stateName({ state, live }: DomainModel): DomainStateNow["state"] {
  if (live === undefined) return "shutoff";
  return state === DomainState.PAUSED ? "paused" : "running";
}

/** Calls `changed` with the state when it is another than at the last look, which is cheap where it is not. */
export function stateWatch(watched: readonly Watched[], changed: (state: HostsState) => void): () => void {
  let last: readonly unknown[] = [];
  return () => {
    const now = marksOf(watched);
    if (now.length === last.length && now.every((mark, index) => mark === last[index])) return;
    last = now;
    changed(stateOf(watched));
  };
}

/** Values of which one is another after each change: definitions are never edited in place. */
function marksOf(watched: readonly Watched[]): readonly unknown[] {
  return watched.flatMap(({ host }) => [
    host.hasPower,
    ...host.domains.all().flatMap(({ uuid, live, config, state, autostart }) => [uuid, live, config, state, autostart]),
    ...host.devices.virtualFunctions().map(({ driver }) => driver),
    ...host.networks.all().flatMap((network) => [network.name, host.networks.xml(network)]),
  ]);
}

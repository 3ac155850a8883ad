/** Which devices of a VM are a declared interface's, or stand in its way: told by alias, by MAC and by teaming. Pure. */
import { randomUUID } from "node:crypto";
import { networkOn, type ClusterConfig } from "../../config/index.js";
import type { DeviceInTheWay } from "../../rules/index.js";
import type { Domain } from "../../backends/libvirt/xml/domain.js";
import { identityOf, standbyAliasOf, type InterfaceRecord } from "../../backends/libvirt/xml/interface-record.js";
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../../backends/libvirt/xml/pci-address.js";
import { findPrimary, fitsVlan, isUserAlias } from "../../backends/libvirt/xml/primary.js";
import {
  pairs,
  primaryAlias,
  standbyAlias,
  type DomainInterface,
  type Pair,
} from "../../backends/libvirt/xml/teaming.js";
import { withDefaults, type VmInterfaceInputs } from "../inputs/vm-interface.js";

/** The pair of that MAC, whole: it can be taken over. A `<hostdev>` has its standby's MAC. */
export function pairOf(domain: Domain, mac: string | undefined): Pair | undefined {
  return mac === undefined
    ? undefined
    : pairs(domain).pairs.find(
        ({ standby, primary }) => standby.mac === mac && (primary.mac ?? mac) === mac && isUserAlias(standby.alias),
      );
}

/** Of a pair that oVirt, another tool or a person has made; or one of ours whose record is lost, which then has its own aliases. */
export function recordOfPair(
  { standby, primary }: Pair,
  inputs: VmInterfaceInputs & { readonly mac: string },
): InterfaceRecord {
  const { mac, profile, plugged, linked } = withDefaults(inputs);
  const id = idInAlias(primary.alias) ?? randomUUID();
  const adopted = {
    // A VF without an alias of its own is found by its teaming; one that is plugged in its place gets this alias.
    primaryAlias: isUserAlias(primary.alias) ? primary.alias : primaryAlias(id),
    ...(standby.alias !== undefined && { standbyAlias: standby.alias }),
  };
  return { id, profile, mac, plugged, linked, adopted };
}

/** The UUID of which an alias of ours is made. */
function idInAlias(alias: string | undefined): string | undefined {
  return /^ua-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(alias ?? "")?.[1];
}

/** What a state tells of an interface. */
export interface RememberedNic {
  readonly profile: string;
  readonly mac: string;
  /** The standby's first; the VF's may be absent. */
  readonly aliases?: readonly string[];
  readonly plugged?: boolean;
  readonly linked?: boolean;
}

/**
 * The record of an interface whose own is gone, as after `virsh define` of a file without metadata: the VM still has a device of
 * it, which is no recorded interface's. Undefined: it has none.
 * @param profile undefined: the store has none of that id.
 */
export function lostRecord(
  domain: Domain,
  records: readonly InterfaceRecord[],
  id: string,
  state: RememberedNic,
  profile: ProfileRecord | undefined,
): InterfaceRecord | undefined {
  if (profile === undefined) return undefined;
  const { plugged, linked } = withDefaults(state);
  const aliases = (state.aliases ?? []).filter(isUserAlias);
  const isPair = profile.failover !== undefined;
  const own = { primaryAlias: primaryAlias(id), ...(isPair && { standbyAlias: standbyAlias(profile.failover) }) };
  const standby = isPair ? (aliases[0] ?? own.standbyAlias) : undefined;
  const primary = (isPair ? aliases[1] : aliases[0]) ?? own.primaryAlias;
  const isOwn = primary === own.primaryAlias && standby === own.standbyAlias;
  const record: InterfaceRecord = {
    id,
    profile: state.profile,
    mac: state.mac,
    plugged,
    linked,
    ...(isPair && { standbyProfile: profile.failover }),
    ...(!isOwn && { adopted: { primaryAlias: primary, ...(standby !== undefined && { standbyAlias: standby }) } }),
  };
  const others = new Set(records.flatMap((each) => devicesOfRecord(domain, each)));
  return devicesOfRecord(domain, record).some((nic) => !others.has(nic)) ? record : undefined;
}

/** The halves of a recorded interface that the domain has. */
export function devicesOfRecord({ interfaces }: Domain, record: InterfaceRecord): readonly DomainInterface[] {
  const standby = standbyAliasOf(record);
  const halves = [
    findPrimary(interfaces, identityOf(record)),
    standby === undefined ? undefined : interfaces.find(({ alias }) => alias === standby),
  ];
  return halves.filter((nic) => nic !== undefined);
}

/**
 * Devices of no recorded interface that have the MAC, or the standby's alias, that the new interface would have.
 * @param taken the pair that is taken over, which is in the way of none.
 */
export function devicesInTheWay(
  domain: Domain,
  records: readonly InterfaceRecord[],
  { mac, failover }: { readonly mac: string | undefined; readonly failover: string | undefined },
  taken: Pair | undefined,
): readonly DeviceInTheWay[] {
  const recorded = new Set([
    ...records.flatMap((record) => devicesOfRecord(domain, record)),
    ...(taken === undefined ? [] : [taken.standby, taken.primary]),
  ]);
  const whole = pairs(domain).pairs;
  const alias = failover === undefined ? undefined : standbyAlias(failover);
  const found = domain.interfaces.filter(
    (nic) =>
      !recorded.has(nic) &&
      ((mac !== undefined && nic.mac === mac) ||
        (alias !== undefined && nic.alias === alias) ||
        whole.some(({ standby, primary }) => primary === nic && mac !== undefined && standby.mac === mac)),
  );
  return found
    .filter((nic) => !whole.some(({ standby, primary }) => primary === nic && found.includes(standby)))
    .map((nic): DeviceInTheWay => {
      const pair = whole.find(({ standby }) => standby === nic);
      return {
        device: pair === undefined ? inWords(nic) : `the pair of ${inWords(pair.standby)} and ${inWords(pair.primary)}`,
        ...(nic.mac !== undefined && { mac: nic.mac }),
        adoptable: pair !== undefined && isUserAlias(nic.alias),
      };
    });
}

function inWords({ alias, mac, type, device, teaming, vf, source }: DomainInterface): string {
  const name = alias ?? mac ?? "without a name";
  if (vf !== undefined) return `VF ${formatPciAddress(vf)} (${name})`;
  if (device === "hostdev") return `host device ${name}`;
  const where = source.bridge ?? source.network ?? source.dev;
  const on = where === undefined ? "" : ` on ${type === "network" ? "network" : "bridge"} "${where}"`;
  return teaming?.type === "persistent" ? `standby ${name}${on}` : `${type} NIC ${name}${on}`;
}

/** What the pair differs in from what its profiles would make on that host, in words; none: it can be taken over. */
export function differencesFrom(
  { standby, primary }: Pair,
  profile: Pick<ProfileRecord, "name" | "network" | "passThrough">,
  failover: Pick<ProfileRecord, "name" | "network"> | undefined,
  {
    cluster,
    host,
    vfs,
  }: {
    readonly cluster: ClusterConfig;
    readonly host: string;
    /** Of the PFs of the profile's network on that host. */
    readonly vfs: readonly PciAddress[];
  },
): readonly string[] {
  if (profile.passThrough === "disabled" || failover === undefined)
    return [
      `profile "${profile.name}" does not describe a failover pair: ${failover === undefined ? "it has no failover" : "its passThrough is disabled"}`,
    ];
  const { bridge } = networkOn(cluster, host, failover.network) ?? {};
  const { vlan } = networkOn(cluster, host, profile.network) ?? {};
  const { vf } = primary;
  return [
    ...(standby.source.bridge !== undefined && bridge !== standby.source.bridge
      ? [
          `its standby is on bridge "${standby.source.bridge}", and network "${failover.network}" of profile "${failover.name}" has ${bridge === undefined ? "no bridge" : `bridge "${bridge}"`}`,
        ]
      : []),
    ...(vf !== undefined && !vfs.some((each) => samePciAddress(each, vf))
      ? [`its VF ${formatPciAddress(vf)} does not belong to a PF of network "${profile.network}"`]
      : []),
    ...(primary.device === "interface" && vf !== undefined && !fitsVlan(primary.vlan, vlan)
      ? [
          `its VF has ${spelledVlan(primary.vlan?.tags)}, and network "${profile.network}" has ${spelledVlan(vlan === undefined ? [] : [vlan])}`,
        ]
      : []),
  ];
}

function spelledVlan(tags: readonly number[] = []): string {
  return tags.length === 0 ? "no VLAN" : `VLAN ${tags.join(", ")}`;
}

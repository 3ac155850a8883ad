/** Which networks of the configuration serve a VM's pairs and its plain NICs on its host. Pure reading. */
import { networkOn, pfsOf } from "../config/index.js";
import type { MovingInterface } from "../rules/index.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { identityOf } from "../backends/libvirt/xml/interface-record.js";
import type { ProfileRecord } from "../backends/libvirt/xml/network.js";
import { samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary, fitsVlan } from "../backends/libvirt/xml/primary.js";
import { pairs, type DomainInterface, type Vlan } from "../backends/libvirt/xml/teaming.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import { vfAddresses } from "../backends/libvirt/inventory.js";
import { recordsOf } from "../backends/libvirt/interfaces.js";
import { readVfSettings } from "../backends/libvirt/vf-settings/vf-settings.js";
import { networkOfBridge, type NetworksOfNics } from "./bridges.js";
import { unlessMissing } from "../backends/libvirt/rpc/optional-drivers.js";

/** A pair of the VM, with the networks that serve its two halves. */
export interface PairOnNetwork {
  readonly standby: DomainInterface;
  readonly primary: DomainInterface;
  /** Undefined: no network of the configuration has its PF and its VLAN, or more than one has. */
  readonly vfNetwork: string | undefined;
  /** The networks that may be the VF's: that of the profile of ours behind it, else those that name its PF. */
  readonly networksOfPf: readonly NetworkOfPf[];
  /** Which have its PF is not known: libvirt there has no node devices. */
  readonly networksUnknown?: true;
  /** The names of those of them that have its VLAN. */
  readonly fitting: readonly string[];
  readonly standbyNetwork: string | undefined;
  readonly profile: ProfileRecord | undefined;
  /** The VF's own; of a `<hostdev>` what its PF has set for it. Undefined: none, or the host does not tell a `<hostdev>`'s. */
  readonly vlan: Vlan | undefined;
}

/** A network whose VF the pair's may be. */
export interface NetworkOfPf {
  readonly name: string;
  /** Of its VFs, on the VM's host. */
  readonly vlan: number | undefined;
}

/**
 * The VM's complete pairs and the networks behind them: by the profile that we recorded, else by the VF's PF and the bridge. A
 * VF is of a network only if its VLAN is the network's, too.
 */
export async function pairsOn(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  domain: Domain,
  profiles: readonly ProfileRecord[],
): Promise<readonly PairOnNetwork[]> {
  const found = pairs(domain).pairs;
  if (found.length === 0) return [];
  const records = recordsOf(domain);
  const profilesOf = new Map(
    found.map((pair) => {
      const record = records.find((candidate) => findPrimary([pair.primary], identityOf(candidate)) !== undefined);
      return [
        pair,
        {
          profile: profiles.find(({ id }) => id === record?.profile),
          standbyProfile: profiles.find(({ id }) => id === record?.standbyProfile),
        },
      ];
    }),
  );
  const recorded = [...profilesOf.values()].every(({ profile }) => profile !== undefined);
  const byVf = recorded ? [] : await unlessMissing(() => vfsByNetwork(cluster, host));
  const withPf = (vf: PciAddress | undefined) =>
    vf === undefined ? [] : (byVf ?? []).filter(({ vfs }) => vfs.some((each) => samePciAddress(each, vf)));
  const looked = found.map(async (pair): Promise<PairOnNetwork> => {
    const { standby, primary } = pair;
    const { profile, standbyProfile } = profilesOf.get(pair) ?? {};
    const vlan = primary.device === "hostdev" ? await vlanSetOn(cluster, host, primary) : primary.vlan;
    const possible = profile === undefined ? withPf(primary.vf).map(({ network }) => network) : [profile.network];
    const networksOfPf = possible.map((name) => ({ name, vlan: networkOn(cluster.config, host.name, name)?.vlan }));
    const fitting = networksOfPf.filter((network) => fitsVlan(vlan, network.vlan)).map(({ name }) => name);
    return {
      standby,
      primary,
      profile,
      vlan,
      networksOfPf,
      ...(byVf === undefined && profile === undefined && { networksUnknown: true }),
      fitting,
      vfNetwork: fitting.length === 1 ? fitting[0] : undefined,
      standbyNetwork:
        networkOfBridge(cluster.config, host.name, standby.source.bridge, standbyProfile?.network) ??
        standbyProfile?.network,
    };
  });
  return Promise.all(looked);
}

/** The VLAN that the PF has set for the VF, 0 for none; undefined: the host does not tell. */
async function vlanSetOn(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { vf }: DomainInterface,
): Promise<Vlan | undefined> {
  if (vf === undefined || !cluster.config.hostCommands) return undefined;
  const settings = await readVfSettings(host, vf);
  return settings && { trunk: false, tags: [settings.vlan] };
}

async function vfsByNetwork(
  cluster: LibvirtCluster,
  host: LibvirtHost,
): Promise<readonly { network: string; vfs: readonly PciAddress[] }[]> {
  return Promise.all(
    Object.keys(cluster.config.networks).map(async (network) => {
      const pfs = pfsOf(networkOn(cluster.config, host.name, network)) ?? [];
      return { network, vfs: (await Promise.all(pfs.map((pf) => vfAddresses(host, pf)))).flat() };
    }),
  );
}

/** Bridged NICs that are in no pair: they need their bridge on the destination too. */
export function plainInterfaces(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { interfaces }: Domain,
  networks: NetworksOfNics,
): readonly MovingInterface[] {
  return interfaces
    .filter(({ type, teaming }) => type === "bridge" && teaming === undefined)
    .map(({ alias, mac, mtu, source: { bridge } }) => ({
      name: alias ?? mac ?? "NIC",
      ...(mtu !== undefined && { mtu }),
      standbyNetwork: networkOfBridge(cluster.config, host.name, bridge, mac && networks.get(mac)),
    }));
}

/** The passthrough NICs of VMs, each with its networks and its VF, for people and reports. */
import {
  listHostDevices,
  listNetworks,
  listNics,
  listProfiles,
  type EngineClient,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { pciAddressOf } from "./vm.js";

export interface EnginePair {
  readonly nic: EngineNic;
  /** The VF's network, by name. */
  readonly network: string;
  /** That of the profile's `failover`. Undefined: the NIC has no standby. */
  readonly standbyNetwork: string | undefined;
  /** `0000:b3:02.3`; undefined: it has none, or the engine does not tell which of several. */
  readonly vf: string | undefined;
}

/** What is asked once for any number of VMs. */
export interface PairReader {
  of(vm: EngineVm): Promise<readonly EnginePair[]>;
}

/** Each host and the engine's lists are asked once, at the first VM that needs them. */
export function pairReader(client: EngineClient): PairReader {
  const lists = once(async () => {
    const [profiles, networks] = await Promise.all([listProfiles(client), listNetworks(client)]);
    return {
      profiles: new Map(profiles.map((profile) => [profile.id, profile])),
      networkNames: new Map(networks.map(({ id, name }) => [id, name])),
    };
  });
  const devices = new Map<string, ReturnType<typeof listHostDevices>>();
  const devicesOf = (host: string) => {
    const asked = devices.get(host) ?? listHostDevices(client, host);
    devices.set(host, asked);
    return asked;
  };
  return {
    async of(vm) {
      const nics = (await listNics(client, vm.id)).filter((nic) => nic.interface === "pci_passthrough");
      if (nics.length === 0) return [];
      const { profiles, networkNames } = await lists();
      const plugged = nics.filter((nic) => nic.plugged);
      // The engine tells which devices a VM has, not which NIC: it is known where there is one of either.
      const own =
        vm.host === undefined || plugged.length !== 1
          ? []
          : (await devicesOf(vm.host)).filter((device) => device.vm === vm.id);
      const addresses = own.flatMap(({ name }) => pciAddressOf(name) ?? []);
      const address = addresses.length === 1 ? addresses[0] : undefined;
      return nics.map((nic): EnginePair => {
        const profile = profiles.get(nic.profile ?? "");
        const standby = profiles.get(profile?.failover ?? "");
        return {
          nic,
          network: networkNames.get(profile?.network ?? "") ?? "",
          standbyNetwork: standby && (networkNames.get(standby.network) ?? standby.network),
          vf: nic.plugged ? address : undefined,
        };
      });
    },
  };
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}

/** What the quickstart program declares, made on the hosts by the product's own handlers. */
import type { VmInterfaceState } from "../../provider/handlers/libvirt/interface-state.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { vm, type LabLike } from "./two-hosts.js";

export const bridgeProfile = {
  name: "data",
  network: "data",
  passThrough: "disabled",
  migratable: false,
  portMirroring: false,
  customProperties: {},
} as const;

export const vfProfile = {
  name: "data-vf",
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  portMirroring: false,
  customProperties: {},
} as const;

export interface DeclaredPair {
  readonly standbyProfile: string;
  readonly profile: string;
  readonly id: string;
  readonly state: VmInterfaceState;
}

/** Profile `data`, profile `data-vf` with it as failover, and the VM's interface of the latter. */
export async function declarePair(lab: LabLike): Promise<DeclaredPair> {
  const { standbyProfile, profile } = await declareProfiles(lab);
  const { id, state } = await vmInterface.create(lab.context(), {
    vm: vm.name,
    profile,
    mac: vm.mac,
    plugged: true,
    linked: true,
  });
  return { standbyProfile, profile, id, state };
}

export async function declareProfiles(lab: LabLike): Promise<{ standbyProfile: string; profile: string }> {
  const { id: standbyProfile } = await vnicProfile.create(lab.context(), bridgeProfile);
  const { id: profile } = await vnicProfile.create(lab.context(), { ...vfProfile, failover: standbyProfile });
  return { standbyProfile, profile };
}

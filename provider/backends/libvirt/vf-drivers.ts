/** Keeping in a VM's metadata what its VFs were bound to before they were taken for it. */
import { metadataNamespace, metadataPrefix } from "./xml/metadata.js";
import { samePciAddress, type PciAddress } from "./xml/pci-address.js";
import type { Domain } from "./xml/domain.js";
import { anyDriver, buildVfDrivers, driverBefore, parseVfDrivers, type VfDriver } from "./xml/vf-drivers.js";
import { Affect } from "./constants.js";
import type { DomainRef, LibvirtHost } from "./host.js";

/** The VF is the VM's from now on, and was with that driver before. What was kept of other hosts is of no more use. */
export function rememberDriver(
  host: LibvirtHost,
  dom: DomainRef,
  vf: PciAddress,
  driver: string,
  persistent?: boolean,
): Promise<void> {
  return changeDrivers(host, dom, persistent, (kept) => [
    ...kept.filter((each) => each.host === host.name && !samePciAddress(each.address, vf)),
    { host: host.name, address: vf, driver },
  ]);
}

/** The VF is not the VM's any more. What was kept of other hosts is of no more use: the VM is on this one. */
export function forgetDriver(host: LibvirtHost, dom: DomainRef, vf: PciAddress): Promise<void> {
  return changeDrivers(host, dom, undefined, (kept) =>
    kept.filter((each) => each.host === host.name && !samePciAddress(each.address, vf)),
  );
}

/** What the VF was bound to before; undefined: it is not known to have been taken from any. */
export async function rememberedDriver(host: LibvirtHost, dom: DomainRef, vf: PciAddress): Promise<string | undefined> {
  const kept = parseVfDrivers(await host.metadata(dom, metadataNamespace("vfs"), Affect.CURRENT));
  return kept.find((each) => each.host === host.name && samePciAddress(each.address, vf))?.driver;
}

/**
 * What to give a VF of the domain back to. Undefined: it is to stay as it is.
 * @param ofOurs whether this package has plugged it: then a version that kept no driver had taken it from one.
 */
export function driverToReturn(
  { raw }: Pick<Domain, "raw">,
  host: Pick<LibvirtHost, "name">,
  vf: PciAddress,
  { ofOurs }: { readonly ofOurs: boolean },
): string | undefined {
  return driverBefore(raw, host.name, vf) ?? (ofOurs ? anyDriver : undefined);
}

/** The element is read and written as a whole: the changes of this process are made one after another. */
const turns = new WeakMap<LibvirtHost, Map<string, Promise<void>>>();

function changeDrivers(
  host: LibvirtHost,
  dom: DomainRef,
  persistent: boolean | undefined,
  change: (kept: readonly VfDriver[]) => readonly VfDriver[],
): Promise<void> {
  const onHost = turns.get(host) ?? new Map<string, Promise<void>>();
  turns.set(host, onHost);
  const write = async () => {
    const uri = metadataNamespace("vfs");
    const before = parseVfDrivers(await host.metadata(dom, uri, Affect.CURRENT));
    const after = change(before);
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    await host.setMetadata(dom, uri, metadataPrefix, buildVfDrivers(after), persistent);
  };
  const mine = (onHost.get(dom.uuid) ?? Promise.resolve()).catch(() => undefined).then(write);
  onHost.set(dom.uuid, mine);
  return mine;
}

/** VMs that would not start again on their host, as after its reboot, and why. */
import { attribute } from "../../xml/element.js";
import { parseDomain } from "./xml/domain.js";
import { withoutMetadata } from "./xml/without-metadata.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "./xml/pci-address.js";
import { DomainXml } from "./constants.js";
import { undefinedOn, type LibvirtHost } from "./host.js";
import { deviceOf, vfUsers } from "./inventory.js";
import { unlessMissing } from "./rpc/optional-drivers.js";
import { readable } from "./unreadable-vm.js";

export interface Unstartable {
  readonly vm: string;
  /** Whether it is to start with its host. */
  readonly autostart: boolean;
  /** In words: `its definition names VF 0000:01:10.0, which the host does not have`. */
  readonly why: string;
}

/** By the definitions of the host's domains, running or not. */
export async function unstartableOn(host: LibvirtHost): Promise<readonly Unstartable[]> {
  const live = await vfUsers(host, "live");
  const found = await Promise.all(
    (await host.domains()).map(async (dom): Promise<readonly Unstartable[]> => {
      if ((await undefinedOn("NO_DOMAIN", () => host.isPersistent(dom))) !== true) return [];
      const xml = await undefinedOn("NO_DOMAIN", () => host.domainXml(dom, DomainXml.INACTIVE));
      if (xml === undefined) return [];
      const reasons: string[] = [];
      for (const { vf, raw } of readable(host, dom, () => parseDomain(withoutMetadata(xml))).interfaces) {
        if (vf === undefined) continue;
        const named = `its definition names VF ${formatPciAddress(vf)}`;
        const other = live.find((user) => user.domain !== dom.name && samePciAddress(user.address, vf));
        if ((await deviceThere(host, vf)) === false) reasons.push(`${named}, which the host does not have`);
        else if (other !== undefined) reasons.push(`${named}, which VM "${other.domain}" has`);
        else if (attribute(raw, "managed") !== "yes")
          reasons.push(`${named} with managed='no', so that nothing binds it to VFIO after a reboot`);
      }
      if (reasons.length === 0) return [];
      return [{ vm: dom.name, autostart: await host.startsWithHost(dom), why: reasons.join("; ") }];
    }),
  );
  return found.flat();
}

/** Undefined: the host's libvirt does not know its devices. */
async function deviceThere(host: LibvirtHost, vf: PciAddress): Promise<boolean | undefined> {
  return unlessMissing(async () => (await deviceOf(host, vf)) !== undefined);
}

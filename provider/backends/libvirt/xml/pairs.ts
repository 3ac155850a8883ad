import { ProblemError } from "../../../model/problem.js";
import type { DomainInterface } from "./interface.js";
import { normalizeMac } from "../../../model/mac.js";

/** A standby and its VF, in one domain. */
export interface Pair {
  readonly standby: DomainInterface;
  readonly primary: DomainInterface;
}

/**
 * An interface with `<teaming>` that has no partner:
 * - `dangling-primary`: no persistent interface has the alias that it names. libvirt takes it, and QEMU then neither unplugs
 *   the VF nor refuses to migrate.
 * - `standby-without-primary`: so it is while a VM moves, or after a VF was lost.
 * - `surplus-primary`: its standby has a VF already. QEMU refuses to start ("Cannot attach more than one primary device").
 */
export interface UnpairedDevice {
  readonly kind: "dangling-primary" | "standby-without-primary" | "surplus-primary";
  readonly nic: DomainInterface;
}

export interface Pairing {
  readonly pairs: readonly Pair[];
  readonly unpaired: readonly UnpairedDevice[];
}

/** Joins standbys and VFs by the alias in `<teaming>`, which is what QEMU goes by. libvirt checks none of it. */
export function pairs({ interfaces }: { readonly interfaces: readonly DomainInterface[] }): Pairing {
  const standbys = interfaces.filter((nic) => nic.teaming?.type === "persistent");
  const found: Pair[] = [];
  const unpaired: UnpairedDevice[] = [];
  for (const nic of interfaces) {
    if (nic.teaming?.type !== "transient") continue;
    const { persistent } = nic.teaming;
    const standby = standbys.find(({ alias }) => alias !== undefined && alias === persistent);
    if (standby === undefined) unpaired.push({ kind: "dangling-primary", nic });
    else if (found.some((pair) => pair.standby === standby)) unpaired.push({ kind: "surplus-primary", nic });
    else found.push({ standby, primary: nic });
  }
  for (const nic of standbys) {
    if (!found.some(({ standby }) => standby === nic)) unpaired.push({ kind: "standby-without-primary", nic });
  }
  return { pairs: found, unpaired };
}

export interface InterfaceIdentity {
  readonly mac: string;
  readonly alias?: string;
}

/**
 * Whether an interface of a domain is the one meant. Both halves of a pair have one MAC, so with `<teaming>` the alias must
 * match too; without it the MAC alone decides, since the alias may be one that libvirt made up (vdsm's rule:
 * lib/vdsm/virt/vmdevices/network.py, update_device_info). MACs match in any spelling, aliases only in their own.
 */
export function identifies(identity: InterfaceIdentity, nic: DomainInterface): boolean {
  if (nic.mac === undefined || nic.mac !== normalizeMac(identity.mac)) return false;
  return nic.teaming === undefined || nic.alias === identity.alias;
}

/**
 * Finds the interface meant: see {@link identifies}. Among several that the MAC fits, an equal alias decides.
 * @throws ProblemError `interface-ambiguous` if it doesn't.
 */
export function matchInterface(
  candidates: readonly DomainInterface[],
  identity: InterfaceIdentity,
): DomainInterface | undefined {
  const matches = candidates.filter((nic) => identifies(identity, nic));
  if (matches.length < 2) return matches[0];
  const exact = matches.filter(({ alias }) => alias !== undefined && alias === identity.alias);
  if (exact.length === 1) return exact[0];
  throw new ProblemError({
    code: "interface-ambiguous",
    what: `Unable to identify the interface with MAC ${identity.mac}: ${matches.length} interfaces of the VM have it`,
    remedy: "Give each interface its own MAC address (virsh edit).",
  });
}

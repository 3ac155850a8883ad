/** Chooses the VFs that interfaces get. Pure: it sees an inventory and answers. */
import { matchVfs } from "../../rules/index.js";
import { samePciAddress, type PciAddress } from "../../xml/pci-address.js";
import { isFree, type PhysicalFunction, type VirtualFunction } from "./inventory.js";

export interface ChosenVf {
  readonly physicalFunction: string;
  readonly address: PciAddress;
}

/**
 * A free VF for each of a VM's interfaces, as the rule move-free-vfs counts them: networks may share PFs, and whenever all
 * can be served, all are.
 * @param wanted for each interface its network's PFs, in the order in which the network names them.
 * @param taken VFs that are not to be chosen.
 * @returns for each interface its VF; undefined: none is left for it.
 */
export function chooseVfs(
  wanted: readonly (readonly PhysicalFunction[])[],
  taken: readonly PciAddress[] = [],
): readonly (ChosenVf | undefined)[] {
  const left = new Map<string, VirtualFunction[]>();
  for (const { name, linkUp, virtualFunctions } of wanted.flat()) {
    if (!linkUp || left.has(name)) continue;
    const isWanted = (vf: VirtualFunction) => isFree(vf) && !taken.some((other) => samePciAddress(other, vf.address));
    left.set(name, virtualFunctions.filter(isWanted));
  }
  const given = matchVfs(
    wanted.map((functions) => functions.map(({ name }) => name)),
    (name) => left.get(name)?.length ?? 0,
  );
  return given.map((physicalFunction) => {
    const vf = physicalFunction === undefined ? undefined : left.get(physicalFunction)?.shift();
    return physicalFunction === undefined || vf === undefined ? undefined : { physicalFunction, address: vf.address };
  });
}

/** The first free VF on the first PF that is up, in the order in which the network names its PFs. */
export function chooseVf(
  physicalFunctions: readonly PhysicalFunction[],
  taken: readonly PciAddress[] = [],
): ChosenVf | undefined {
  return chooseVfs([physicalFunctions], taken)[0];
}

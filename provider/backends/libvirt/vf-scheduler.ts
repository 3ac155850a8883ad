/** Chooses the VFs that interfaces get. Pure: it sees an inventory and answers. */
import { matchVfs } from "../../rules/index.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "./xml/pci-address.js";
import { isFree, type PhysicalFunction, type VirtualFunction } from "./free-vfs.js";

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
  const isWanted = (vf: VirtualFunction) => isFree(vf) && !taken.some((other) => samePciAddress(other, vf.address));
  const free = wanted.map((functions) =>
    functions
      .filter(({ linkUp }) => linkUp)
      .flatMap(({ name, virtualFunctions }) =>
        virtualFunctions
          .filter(isWanted)
          .map((vf): readonly [string, ChosenVf] => [
            formatPciAddress(vf.address),
            { physicalFunction: name, address: vf.address },
          ]),
      ),
  );
  // One by one, and not by their PFs: networks may have different VFs of one PF.
  const given = matchVfs(
    free.map((vfs) => vfs.map(([address]) => address)),
    () => 1,
  );
  return given.map((address, index) => free[index]?.find(([each]) => each === address)?.[1]);
}

/** The first free VF on the first PF that is up, in the order in which the network names its PFs. */
export function chooseVf(
  physicalFunctions: readonly PhysicalFunction[],
  taken: readonly PciAddress[] = [],
): ChosenVf | undefined {
  return chooseVfs([physicalFunctions], taken)[0];
}

/** Chooses the VF that an interface gets. Pure: it sees an inventory and answers. */
import { samePciAddress, type PciAddress } from "../../xml/pci-address.js";
import { isFree, type PhysicalFunction } from "./inventory.js";

export interface ChosenVf {
  readonly physicalFunction: string;
  readonly address: PciAddress;
}

/**
 * The first free VF on the first PF that is up, in the order in which the network names its PFs.
 * @param taken VFs that are promised to somebody else in the same plan.
 */
export function chooseVf(
  physicalFunctions: readonly PhysicalFunction[],
  taken: readonly PciAddress[] = [],
): ChosenVf | undefined {
  for (const { name, linkUp, virtualFunctions } of physicalFunctions) {
    if (!linkUp) continue;
    const vf = virtualFunctions.find(
      (candidate) =>
        isFree(candidate) &&
        !candidate.sharesIommuGroup &&
        !taken.some((other) => samePciAddress(other, candidate.address)),
    );
    if (vf !== undefined) return { physicalFunction: name, address: vf.address };
  }
  return undefined;
}

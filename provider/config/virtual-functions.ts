/** The physical functions that a network names, each with all of its VFs or with a range of them. */

/** As it is configured: the PF's interface, alone or with the VFs of it that are the network's. */
export type ConfiguredPf = string | { readonly pf: string; readonly virtualFunctions?: string | undefined };

export interface PfOfNetwork {
  /** Its interface. */
  readonly name: string;
  /** `2-7`, `0,2-4`: by the VFs' numbers, from 0 on, as sysfs and libvirt list them. Undefined: all. */
  readonly virtualFunctions?: string | undefined;
}

/** The largest number that a VF can have: NumVFs is 16 bits wide (PCIe, SR-IOV capability). */
const lastVf = 65_534;

export function pfsOf(
  network: { readonly physicalFunctions?: readonly ConfiguredPf[] | undefined } | undefined,
): readonly PfOfNetwork[] | undefined {
  return network?.physicalFunctions?.map(pfOf);
}

export function pfOf(configured: ConfiguredPf): PfOfNetwork {
  if (typeof configured === "string") return { name: configured };
  const { pf: name, virtualFunctions } = configured;
  return { name, ...(virtualFunctions !== undefined && { virtualFunctions }) };
}

/** Whether the VF of that number is the network's. */
export function isInRange({ virtualFunctions }: PfOfNetwork, number: number): boolean {
  if (virtualFunctions === undefined) return true;
  const ranges = parseRanges(virtualFunctions);
  return "why" in ranges || ranges.some(([first, last]) => number >= first && number <= last);
}

/** `eth3`, or `eth3 (VFs 2-7)`. */
export function pfInWords({ name, virtualFunctions }: PfOfNetwork): string {
  return virtualFunctions === undefined ? name : `${name} (VFs ${virtualFunctions})`;
}

type Range = readonly [first: number, last: number];

/** The ranges of `0,2-4`, or what is wrong with the text, as it follows its path in a sentence. */
export function parseRanges(text: string): readonly Range[] | { readonly why: string } {
  const ranges: Range[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*$/.exec(part) ?? [];
    if (first === undefined || last === undefined)
      return { why: 'must be numbers of VFs and ranges of them, such as "2-7" or "0,2-4"' };
    if (Number(first) > Number(last)) return { why: `has a range that ends before it begins: ${part.trim()}` };
    if (Number(last) > lastVf) return { why: `names VF ${last}: the last that a PF can have is ${lastVf}` };
    ranges.push([Number(first), Number(last)]);
  }
  return ranges;
}

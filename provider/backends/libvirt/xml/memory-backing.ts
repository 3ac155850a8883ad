/** What a domain's memory is made of on its host (formatdomain.rst, "Memory Backing", "NUMA Node Tuning", "CPU model and topology"). */
import { attribute, child, children, element, find, withChildren, type Element } from "../../../xml/element.js";
import { natural } from "../../../xml/values.js";
import { kibibytes } from "./memory-units.js";

export interface MemoryBacking {
  /** Of ordinary pages. */
  readonly plainKiB: number;
  readonly hugepages: readonly HugepagesOfDomain[];
}

/** A part of the memory, of huge pages of one size. */
export interface HugepagesOfDomain {
  readonly sizeKiB: number;
  readonly memoryKiB: number;
  /** NUMA nodes of the host from which alone it may come. Undefined: any. */
  readonly hostNodes?: readonly number[];
}

/** Of x86-64: what `<hugepages/>` without a size is made of, unless the host was started with another default. */
const defaultPageKiB = 2048;

export function memoryBackingOf(domain: Element, memoryKiB: number): MemoryBacking {
  const hugepages = find(domain, "memoryBacking", "hugepages");
  if (hugepages === undefined) return { plainKiB: memoryKiB, hugepages: [] };
  const pages = children(hugepages, "page");
  const cells = guestCells(domain, memoryKiB);
  const parts = cells.map(({ id, memoryKiB: ofCell }) => {
    const page =
      pages.find((each) => numbersIn(attribute(each, "nodeset"))?.includes(id) === true) ??
      pages.find((each) => attribute(each, "nodeset") === undefined);
    if (page === undefined && pages.length > 0) return { sizeKiB: undefined, memoryKiB: ofCell };
    const sizeKiB = kibibytes(attribute(page, "size"), attribute(page, "unit")) ?? defaultPageKiB;
    const hostNodes = hostNodesOf(domain, id);
    return { sizeKiB, memoryKiB: ofCell, ...(hostNodes !== undefined && { hostNodes }) };
  });
  return {
    plainKiB: parts.reduce((all, { sizeKiB, memoryKiB: some }) => all + (isHuge(sizeKiB) ? 0 : some), 0),
    hugepages: parts.flatMap(({ sizeKiB, ...part }) => (isHuge(sizeKiB) ? { sizeKiB, ...part } : [])),
  };
}

/**
 * Has QEMU take all of the domain's memory from the host when it is started, where its owner leaves open when it does: a VF that is plugged
 * has the kernel pin all of it, and what is not there yet is taken and cleared first, while QEMU's main loop stands still (for 64 GiB
 * some 16 s: Linux 4d83de6da265). libvirt's ABI check does not look at it; huge pages are always taken at the start.
 */
export function withMemoryAllocated(domain: Element): Element {
  const backing = child(domain, "memoryBacking");
  if (find(backing, "hugepages") !== undefined || find(backing, "allocation") !== undefined) return domain;
  const allocated = element("memoryBacking", {}, [
    ...(backing?.children ?? []),
    element("allocation", { mode: "immediate" }),
  ]);
  return withChildren(domain, [...domain.children.filter((each) => each !== backing), allocated]);
}

/** A `<page>` may name the ordinary size as well (src/qemu/qemu_command.c, qemuBuildMemoryGetPagesize: the system's page size). */
function isHuge(sizeKiB: number | undefined): sizeKiB is number {
  return sizeKiB !== undefined && sizeKiB > 64;
}

/** Without NUMA in the guest it is one, 0. */
function guestCells(
  domain: Element,
  memoryKiB: number,
): readonly { readonly id: number; readonly memoryKiB: number }[] {
  const cells = children(find(domain, "cpu", "numa"), "cell").flatMap((cell, index) => {
    const memory = kibibytes(attribute(cell, "memory"), attribute(cell, "unit"));
    return memory === undefined ? [] : { id: natural(attribute(cell, "id")) ?? index, memoryKiB: memory };
  });
  return cells.length > 0 ? cells : [{ id: 0, memoryKiB }];
}

/** What is strict binds; any other mode is a wish. */
function hostNodesOf(domain: Element, cell: number): readonly number[] | undefined {
  const tune = child(domain, "numatune");
  const own = children(tune, "memnode").find((each) => natural(attribute(each, "cellid")) === cell);
  const setting = own ?? child(tune, "memory");
  if (!["strict", "restrictive"].includes(attribute(setting, "mode") ?? "strict")) return undefined;
  return numbersIn(attribute(setting, "nodeset"));
}

/** Of `0-2,4,^1` (src/util/virbitmap.c, virBitmapParse). Undefined: none are given, or they cannot be read. */
function numbersIn(set: string | undefined): readonly number[] | undefined {
  if (set === undefined || set.length > 1000) return undefined;
  const numbers = new Set<number>();
  for (const part of set.split(",")) {
    const [, not = "", first = "", last = first] = /^\s*(\^?)(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part) ?? [];
    if (first === "") return undefined;
    for (let number = Number(first); number <= Number(last); number += 1) {
      if (not === "") numbers.add(number);
      else numbers.delete(number);
    }
  }
  return [...numbers].toSorted((a, b) => a - b);
}

import type { Finding, Rule } from "./rule.js";
import { mebibytesFor, mebibytesIn, quoted } from "./wording.js";

/** Whether the destination has the memory that the VM needs: ordinary pages, and huge ones by their size and NUMA node. */

/** Memory of the VM that is made of huge pages of one size. */
export interface HugepageNeed {
  readonly sizeKiB: number;
  readonly memoryKiB: number;
  /** NUMA nodes of the host that it must come from. Undefined: any. */
  readonly hostNodes?: readonly number[] | undefined;
}

/** Free huge pages of one size. */
export interface FreeHugepages {
  readonly sizeKiB: number;
  /** NUMA node. Undefined: the host has said it for all of them together. */
  readonly node?: number | undefined;
  readonly free: number;
}

interface MemoryFacts {
  readonly vm: {
    readonly name: string;
    /** What it needs of ordinary pages. */
    readonly memoryKiB?: number | undefined;
    readonly hugepages?: readonly HugepageNeed[] | undefined;
  };
  readonly destination: {
    readonly name: string;
    /** What is free, and what the kernel would give up for it. */
    readonly freeMemoryKiB?: number | undefined;
    /** Of it, what could be had for certain. Undefined: all of it. */
    readonly certainMemoryKiB?: number | undefined;
    /** Of the sizes that the VM needs. */
    readonly freeHugepages?: readonly FreeHugepages[] | undefined;
  };
}

const refused = { checkedAt: ["check", "preflight"], severity: "error", estimate: true } as const;

export const memoryRules: readonly Rule<MemoryFacts>[] = [
  {
    // The kernel starts a QEMU that it has no memory for, and ends one of the host's processes later.
    id: "move-memory",
    title: "The destination has enough memory that is free or used for caches",
    source: "libvirt: src/util/virhostmem.c virHostMemGetStatsLinux",
    ...refused,
    find: ({ vm, destination }) =>
      vm.memoryKiB !== undefined && destination.freeMemoryKiB !== undefined && destination.freeMemoryKiB < vm.memoryKiB
        ? {
            property: "host",
            message: `Host ${quoted(destination.name)} has ${mebibytesIn(destination.freeMemoryKiB)} MiB of free memory, caches included, but VM ${quoted(vm.name)} needs ${mebibytesFor(vm.memoryKiB)} MiB.`,
            remedy: "Free memory on it, or choose another host.",
          }
        : undefined,
  },
  {
    // A VF pins all memory of its VM, so that none of it may be missing (Linux drivers/vfio/vfio_iommu_type1.c).
    id: "move-memory-certain",
    title: "What the destination has of memory for the VM is not shared memory that counts as caches",
    source: "Linux: Documentation/filesystems/proc.rst, Cached and MemAvailable of /proc/meminfo",
    checkedAt: ["check", "preflight"],
    severity: "warning",
    find: ({ vm: { name, memoryKiB = 0 }, destination: { name: host, freeMemoryKiB = 0, certainMemoryKiB } }) =>
      certainMemoryKiB !== undefined && certainMemoryKiB < memoryKiB && memoryKiB <= freeMemoryKiB
        ? {
            property: "host",
            message: `Host ${quoted(host)} has ${mebibytesIn(certainMemoryKiB)} MiB of free memory, but VM ${quoted(name)} needs ${mebibytesFor(memoryKiB)} MiB. Caches hold ${mebibytesIn(freeMemoryKiB - certainMemoryKiB)} MiB more, but shared memory that cannot be freed may be a part of them.`,
            remedy: `Check "available" of \`free\` on ${quoted(host)}.`,
          }
        : undefined,
  },
  {
    id: "move-hugepages",
    title:
      "The destination has enough free huge pages of each size that the VM has, on the NUMA nodes that it must use",
    source: "libvirt: src/util/virhostmem.c virHostMemGetFreePages",
    ...refused,
    find: ({ vm, destination }) => {
      const { hugepages = [] } = vm;
      const { freeHugepages } = destination;
      return freeHugepages === undefined
        ? []
        : [...new Set(hugepages.map(({ sizeKiB }) => sizeKiB))].flatMap((sizeKiB) =>
            shortage(
              hugepages.filter((need) => need.sizeKiB === sizeKiB),
              freeHugepages.filter((each) => each.sizeKiB === sizeKiB),
            ).map((words): Finding => ({
              property: "host",
              message: `Host ${quoted(destination.name)} has ${words.free} free huge ${words.free === 1 ? "page" : "pages"} of ${spelledSize(sizeKiB)}${words.where}, but VM ${quoted(vm.name)} needs ${words.needed}.`,
              remedy: "Reserve more of them there (virsh allocpages), or choose another host.",
            })),
          );
    },
  },
];

interface Shortage {
  readonly free: number;
  readonly needed: number;
  /** ` on NUMA node 0`, or nothing. */
  readonly where: string;
}

/** Of huge pages of one size: on the nodes that a part of the memory must come from, or else of all of them together. */
function shortage(needs: readonly HugepageNeed[], pages: readonly FreeHugepages[]): readonly Shortage[] {
  const count = (memoryKiB: number) => Math.ceil(memoryKiB / (needs[0]?.sizeKiB ?? 1));
  const told = pages.every(({ node }) => node !== undefined);
  const places = [...new Set(needs.flatMap(({ hostNodes }) => (hostNodes === undefined ? [] : hostNodes.join(", "))))];
  const bound = (told ? places : []).flatMap((nodes): Shortage[] => {
    const needing = needs.filter(({ hostNodes }) => hostNodes?.join(", ") === nodes);
    const hostNodes = needing[0]?.hostNodes ?? [];
    const there = pages.filter(({ node }) => node !== undefined && hostNodes.includes(node));
    const free = sum(there.map((each) => each.free));
    const needed = sum(needing.map(({ memoryKiB }) => count(memoryKiB)));
    const where = ` on NUMA ${hostNodes.length === 1 ? "node" : "nodes"} ${nodes}`;
    return free < needed ? [{ free, needed, where }] : [];
  });
  if (bound.length > 0) return bound;
  const free = sum(pages.map((each) => each.free));
  const needed = sum(needs.map(({ memoryKiB }) => count(memoryKiB)));
  return free < needed ? [{ free, needed, where: "" }] : [];
}

/** `2 MiB`, `1 GiB`. */
export function spelledSize(kibibytes: number): string {
  if (kibibytes % 1_048_576 === 0) return `${kibibytes / 1_048_576} GiB`;
  return kibibytes % 1024 === 0 ? `${kibibytes / 1024} MiB` : `${kibibytes} KiB`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

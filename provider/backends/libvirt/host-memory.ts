/** The memory that a host has left: ordinary pages, and huge ones. Both are asked for reading alone. */
import type { FreeHugepages } from "../../rules/index.js";
import type { LibvirtHost } from "./host.js";
import type { LibvirtConnection } from "./rpc/connection.js";
import { LibvirtError } from "./rpc/errors.js";

/** VIR_NODE_MEMORY_STATS_ALL_CELLS: the whole host. */
const allCells = -1;
/** total, free, buffers and cached: no other number is taken (src/util/virhostmem.c, LINUX_NB_MEMORY_STATS_ALL). */
const statistics = 4;

/**
 * KiB that a VM could get: what is free, and what the kernel holds as caches and would give up. virNodeGetFreeMemory counts the first
 * alone (src/util/virnuma.c, virNumaGetNodeMemory), which on a host that has read some files is next to nothing.
 */
export async function availableMemoryKiB(connection: LibvirtConnection): Promise<number> {
  try {
    const { params } = await connection.call("node_get_memory_stats", {
      nparams: statistics,
      cellNum: allCells,
      flags: 0,
    });
    const counted = params.filter(({ field }) => ["free", "buffers", "cached"].includes(field));
    if (counted.some(({ field }) => field === "free"))
      return Number(counted.reduce((sum, { value }) => sum + value, 0n));
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
  }
  const { freeMem } = await connection.call("node_get_free_memory", {});
  return Number(freeMem / 1024n);
}

/**
 * Free huge pages of these sizes, on each NUMA node. A size that the host does not have is refused
 * (src/util/virnuma.c, virNumaGetPageInfo): none of it is free.
 * @param nodes of its capabilities. Undefined: it is asked for all of them together.
 */
export async function freeHugepages(
  host: LibvirtHost,
  sizesKiB: readonly number[],
  nodes: readonly number[] = [],
): Promise<readonly FreeHugepages[]> {
  const connection = await host.connection();
  const places = nodes.length === 0 ? [undefined] : nodes;
  const asked = sizesKiB.flatMap((sizeKiB) =>
    places.map(async (node): Promise<FreeHugepages> => {
      const place = { sizeKiB, ...(node !== undefined && { node }) };
      try {
        const { counts } = await connection.call("node_get_free_pages", {
          pages: [sizeKiB],
          startCell: node ?? -1,
          cellCount: 1,
          flags: 0,
        });
        return { ...place, free: Number(counts[0] ?? 0n) };
      } catch (error) {
        if (!LibvirtError.is(error)) throw error;
        return { ...place, free: 0 };
      }
    }),
  );
  return Promise.all(asked);
}

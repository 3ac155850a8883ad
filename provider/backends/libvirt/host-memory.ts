/** The memory that a host has left: ordinary pages, and huge ones. Both are asked for reading alone. */
import type { FreeHugepages } from "../../rules/index.js";
import type { LibvirtHost } from "./host.js";
import type { LibvirtConnection } from "./rpc/connection.js";
import { LibvirtError } from "./rpc/errors.js";
import { remoteCommand } from "./transport/index.js";

/** VIR_NODE_MEMORY_STATS_ALL_CELLS: the whole host. */
const allCells = -1;
/** total, free, buffers and cached: no other number is taken (src/util/virhostmem.c, LINUX_NB_MEMORY_STATS_ALL). */
const statistics = 4;

export interface HostMemory {
  /** What a VM could get: free, and what the kernel holds as caches and would give up. */
  readonly availableKiB: number;
  /** Of it, what could be had for certain. */
  readonly certainKiB: number;
}

/**
 * Ordinary memory for a VM. virNodeGetFreeMemory counts what is unused alone (src/util/virnuma.c, virNumaGetNodeMemory), which on a host
 * that has read some files is next to nothing. libvirt's caches are those of /proc/meminfo: shared memory is among them, also that of
 * tmpfs and of VMs, which the kernel cannot give up (Linux Documentation/filesystems/proc.rst). Only the kernel's MemAvailable is without.
 * @param commands whether commands may be run on the host.
 */
export async function hostMemory(host: LibvirtHost, { commands }: { readonly commands: boolean }): Promise<HostMemory> {
  const available = commands ? await memAvailableKiB(host) : undefined;
  if (available === undefined) return countedMemory(await host.connection());
  return { availableKiB: available, certainKiB: available };
}

/** Undefined: the host runs no command for us, or does not tell. */
async function memAvailableKiB(host: LibvirtHost): Promise<number | undefined> {
  const answer = await host.command(remoteCommand`cat /proc/meminfo`).catch(() => undefined);
  const [, available] = /^MemAvailable:\s+(\d{1,15}) kB$/m.exec(answer?.code === 0 ? answer.stdout : "") ?? [];
  return available === undefined ? undefined : Number(available);
}

async function countedMemory(connection: LibvirtConnection): Promise<HostMemory> {
  try {
    const { params } = await connection.call("node_get_memory_stats", {
      nparams: statistics,
      cellNum: allCells,
      flags: 0,
    });
    const kib = (...fields: readonly string[]) =>
      Number(params.reduce((sum, { field, value }) => (fields.includes(field) ? sum + value : sum), 0n));
    if (params.some(({ field }) => field === "free"))
      return { availableKiB: kib("free", "buffers", "cached"), certainKiB: kib("free", "buffers") };
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
  }
  const { freeMem } = await connection.call("node_get_free_memory", {});
  const freeKiB = Number(freeMem / 1024n);
  return { availableKiB: freeKiB, certainKiB: freeKiB };
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

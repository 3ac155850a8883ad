/**
 * QEMU's own unplug of a pair's VF, as the first act of a migration: libvirt has no event of it and no time limit for it, and QEMU
 * waits for the guest for ever (QEMU migration/migration.c, qemu_savevm_wait_unplug; hw/net/virtio-net.c).
 */
import * as z from "zod";
import type { DomainRef, LibvirtHost } from "./host.js";
import { LibvirtError } from "./rpc/errors.js";

/** Milliseconds between two looks: QEMU itself looks as often. */
const interval = 250;

const answer = z.object({ return: z.object({ status: z.string().optional() }) });

/**
 * Waits until the guest has released all that QEMU has asked it for, in a migration that has begun.
 * @param timeout seconds.
 * @param over ends the wait: the migration has ended.
 * @returns `released`, with the moment in milliseconds since the epoch; `kept`: the time is over; `unknown`: the migration has ended
 *   before, or QEMU cannot be asked.
 */
export async function untilReleased(
  host: LibvirtHost,
  dom: DomainRef,
  { timeout, over }: { readonly timeout: number; readonly over: AbortSignal },
): Promise<{ readonly what: "released"; readonly at: number } | { readonly what: "kept" | "unknown" }> {
  const end = host.clock.now() + timeout * 1000;
  while (!over.aborted) {
    const status = await statusOf(host, dom);
    // "none" or "completed" is that of an earlier migration: this one has not begun.
    if (status === undefined) return { what: "unknown" };
    if (status === "active" || status === "pre-switchover" || status === "device")
      return { what: "released", at: host.clock.now() };
    if (host.clock.now() >= end && status === "wait-unplug") return { what: "kept" };
    await host.clock.sleep(interval, over).catch(() => undefined);
  }
  return { what: "unknown" };
}

/** QEMU's MigrationStatus (QEMU qapi/migration.json). Undefined: it cannot be asked. */
async function statusOf(host: LibvirtHost, dom: DomainRef): Promise<string | undefined> {
  try {
    const said = answer.safeParse(await host.monitorCommand(dom, { execute: "query-migrate" }));
    return said.success ? (said.data.return.status ?? "none") : undefined;
  } catch (error) {
    if (LibvirtError.is(error)) return undefined;
    throw error;
  }
}

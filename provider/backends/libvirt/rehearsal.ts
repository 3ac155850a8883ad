/**
 * libvirt's own judgement of a migration, and QEMU's, before anything changes: Begin, with the flags and disks of the real one.
 *
 * It is asked without VIR_MIGRATE_CHANGE_PROTECTION. With it, libvirt keeps a job from Begin to Confirm, and other calls out; without
 * it, Begin makes the same checks (src/qemu/qemu_migration.c, qemuMigrationSrcBeginPhase: qemuMigrationSrcIsAllowed, with QEMU's
 * blocked reasons, qemuMigrationSrcIsSafe, the cookie) under a MODIFY job that ends with the call (qemuMigrationSrcBegin, `endjob`).
 * So nothing of it stays, whatever becomes of this process, there is nothing for a Confirm to cancel (qemuMigrationSrcConfirm
 * would refuse it: no outgoing migration), and no job of others can be ended by mistake.
 */
import { ProblemError } from "../../model/problem.js";
import type { Judgement } from "../../rules/index.js";
import type { DomainRef, LibvirtHost } from "./host.js";
import { copiedDisksParameters, migrationFlags, type MigrationManner } from "./migration-flags.js";
import { CallTimeoutError, LibvirtError } from "./rpc/errors.js";
import { saysTlsForced } from "./tls-forced.js";

/** Milliseconds. Begin waits for another's short job for at most 30 s (src/conf/virdomainjob.c, VIR_JOB_WAIT_TIME). */
const patience = 45_000;

/** No refusal of the migration, but of the question. */
const notAllowed = [
  "AUTH_FAILED",
  "AUTH_CANCELLED",
  "AUTH_UNAVAILABLE",
  "OPERATION_DENIED",
  "ACCESS_DENIED",
  "NO_SUPPORT",
] as const;

/**
 * Asks libvirt on the source whether it would migrate the running domain.
 * @param writtenFiles targets of the disks that are files which the guest writes: where `copy` is set, those that libvirt does not
 *   take for shared are found one by one.
 * @throws HostUnreachable, and what the connection throws.
 */
export async function rehearse(
  host: LibvirtHost,
  dom: DomainRef,
  manner: MigrationManner,
  { copy = false, writtenFiles = [] }: { readonly copy?: boolean; readonly writtenFiles?: readonly string[] } = {},
): Promise<Judgement> {
  const alone = await begin(host, dom, manner);
  if (!copy || alone.verdict !== "refused" || !alone.unsafe) return alone;
  // libvirt names no disk. That which it refuses although all others would be copied is one that it does not take for shared.
  const copiedDisks: string[] = [];
  for (const disk of writtenFiles) {
    const others = writtenFiles.filter((each) => each !== disk);
    const without = others.length === 0 ? alone : await begin(host, dom, { ...manner, copiedDisks: others });
    if (without.verdict === "refused" && without.unsafe) copiedDisks.push(disk);
    else if (without.verdict !== "accepted") return without;
  }
  return copiedDisks.length === 0 ? alone : begin(host, dom, { ...manner, copiedDisks });
}

async function begin(host: LibvirtHost, dom: DomainRef, manner: MigrationManner): Promise<Judgement> {
  try {
    const connection = await host.connection();
    await connection.call(
      "domain_migrate_begin3_params",
      { dom, params: copiedDisksParameters(manner), flags: migrationFlags(manner) },
      { timeoutMs: patience },
    );
    return { verdict: "accepted", copiedDisks: manner.copiedDisks ?? [] };
  } catch (error) {
    const why = whyNotAsked(error);
    if (why !== undefined) return { verdict: "not asked", why };
    if (!(error instanceof LibvirtError)) throw error;
    return {
      verdict: "refused",
      why: error.libvirtMessage,
      unsafe: LibvirtError.is(error, "MIGRATE_UNSAFE"),
      ...(saysTlsForced(error) && { tlsForced: true }),
    };
  }
}

function whyNotAsked(error: unknown): string | undefined {
  if (error instanceof ProblemError && error.problem.code === "read-only") return "vnic-failover:readOnly is true";
  if (LibvirtError.is(error, ...notAllowed)) return "the account may not begin a migration";
  if (LibvirtError.is(error, "OPERATION_TIMEOUT") || error instanceof CallTimeoutError) return "the VM is busy";
  return LibvirtError.is(error, "NO_DOMAIN") ? "the VM has gone" : undefined;
}

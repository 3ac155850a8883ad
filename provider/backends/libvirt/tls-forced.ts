/** Whether a host's libvirt sends and takes VMs by TLS alone: `migrate_tls_force` of its qemu.conf, which nothing else tells. */
import { randomUUID } from "node:crypto";
import { ProblemError } from "../../model/problem.js";
import { element, formatXml } from "../../xml/element.js";
import { Migrate } from "./constants.js";
import type { LibvirtHost } from "./host.js";
import { typed, typedParameters } from "./rpc/datatypes.js";
import { CallTimeoutError, LibvirtError } from "./rpc/errors.js";

/** Milliseconds. Nothing is waited for there. */
const patience = 10_000;

/** In libvirt's words, of which the flag's name is in every language. */
export function saysTlsForced(error: unknown): boolean {
  return LibvirtError.is(error, "OPERATION_INVALID") && error.libvirtMessage.includes("VIR_MIGRATE_TLS");
}

/**
 * Asks by a Prepare that can come to nothing: that of a post-copy which is to be resumed, of a VM that is not there. libvirt looks at
 * the flags first (src/qemu/qemu_migration.c, qemuMigrationDstPrepareAny), then for the VM (qemuMigrationDstPrepareResume).
 * @param type of the VM's domain: `kvm`, `qemu`. libvirt reads its XML before.
 * @returns undefined: libvirt there does not know the flag (before 8.5), or the account may not ask.
 * @throws HostUnreachable, and what the connection throws.
 */
export async function isTlsForced(host: LibvirtHost, type = "kvm"): Promise<boolean | undefined> {
  const name = `vnic-failover-${randomUUID()}`;
  const xml = formatXml(
    element("domain", { type }, [
      element("name", {}, name),
      element("memory", {}, "1024"),
      element("os", {}, [element("type", {}, "hvm")]),
    ]),
  );
  try {
    const connection = await host.connection();
    await connection.call(
      "domain_migrate_prepare3_params",
      {
        params: typedParameters({ destination_xml: typed.string(xml) }),
        cookie_in: Buffer.alloc(0),
        flags: Migrate.LIVE | Migrate.POSTCOPY | Migrate.POSTCOPY_RESUME,
      },
      { timeoutMs: patience },
    );
    return undefined;
  } catch (error) {
    if (saysTlsForced(error)) return true;
    if (LibvirtError.is(error, "NO_DOMAIN")) return false;
    if (LibvirtError.is(error) || error instanceof CallTimeoutError) return undefined;
    if (error instanceof ProblemError && error.problem.code === "read-only") return undefined;
    throw error;
  }
}

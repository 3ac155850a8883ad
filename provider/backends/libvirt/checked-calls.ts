/** Which calls change something on a host, and a connection on which each of them is checked before. */
import { LibvirtConnection } from "./rpc/connection.js";
import type { CallOptions } from "./rpc/client.js";
import type { Args, ProcedureName, Ret } from "./rpc/procedures.js";

/**
 * What changes a domain or a device. Of a migration only its beginning: from then on libvirt's own job keeps others away, and
 * ends with the connection that began it.
 */
const changing: ReadonlySet<ProcedureName> = new Set<ProcedureName>([
  "network_define_xml_flags",
  "network_undefine",
  "domain_set_autostart",
  "domain_set_metadata",
  "domain_define_xml_flags",
  "domain_undefine_flags",
  "domain_destroy_flags",
  "domain_resume",
  "domain_suspend",
  "domain_reset",
  "domain_attach_device_flags",
  "domain_update_device_flags",
  "domain_detach_device_alias",
  "domain_abort_job",
  "domain_migrate_set_max_downtime",
  "domain_migrate_begin3_params",
  "node_device_detach_flags",
  "node_device_re_attach",
  "qemu_domain_monitor_command",
]);

/** What libvirt refuses to a connection that may read only, and this package calls. */
export const refusedToReaders: ReadonlySet<ProcedureName> = new Set<ProcedureName>([
  ...changing,
  "domain_migrate_prepare3_params",
]);

/** The same connection: `check` is awaited before each call that changes something. */
export function checkedBefore(
  connection: LibvirtConnection,
  check: () => Promise<void>,
  checked: ReadonlySet<ProcedureName> = changing,
): LibvirtConnection {
  return Object.create(connection, {
    call: {
      value: async <P extends ProcedureName>(procedure: P, args: Args<P>, options?: CallOptions): Promise<Ret<P>> => {
        if (checked.has(procedure)) await check();
        return connection.call(procedure, args, options);
      },
    },
  }) as LibvirtConnection;
}

/**
 * What libvirt refuses on a connection that was opened for reading (virConnectOpenReadOnly): each public call that changes something
 * or may disclose secrets begins with virCheckReadOnlyGoto (src/libvirt-domain.c, libvirt-host.c, libvirt-network.c, libvirt-nodedev.c,
 * libvirt-interface.c, libvirt-qemu.c). Those that do not are listed here; all others are taken for refused.
 */
import { DomainXml } from "../../provider/backends/libvirt/constants.js";
import type { ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { refusals } from "./refusals.js";
import type { Call } from "./rpc-endpoint.js";

const allowed: ReadonlySet<ProcedureName> = new Set<ProcedureName>([
  ...(["auth_list", "connect_open", "connect_close", "connect_supports_feature", "connect_get_version"] as const),
  ...(["connect_get_lib_version", "connect_get_hostname", "connect_get_capabilities", "connect_compare_cpu"] as const),
  ...([
    "node_get_free_memory",
    "node_get_memory_stats",
    "node_get_free_pages",
    "network_is_active",
    "connect_domain_event_callback_register_any",
  ] as const),
  ...(["connect_domain_event_callback_deregister_any", "connect_list_all_domains", "domain_lookup_by_name"] as const),
  ...(["domain_lookup_by_uuid", "domain_get_state", "domain_is_active", "domain_is_persistent"] as const),
  ...(["domain_get_autostart", "domain_get_xml_desc", "domain_get_metadata", "domain_get_job_stats"] as const),
  ...([
    "connect_list_all_networks",
    "network_lookup_by_name",
    "network_lookup_by_uuid",
    "network_get_xml_desc",
  ] as const),
  ...(["connect_list_all_node_devices", "node_device_get_xml_desc", "connect_list_all_interfaces"] as const),
  ...(["interface_lookup_by_name", "interface_get_xml_desc"] as const),
]);

/** virConnectFlags. */
const CONNECT_RO = 1;

/** Which connections are for reading, as they come to say it or by the socket they come by. */
export class ReadOnlyPeers {
  private readonly peers = new WeakSet<Call["peer"]>();

  /** @throws Refusal */
  look({ procedure, args, peer }: Call): void {
    const { flags = 0 } = args as { readonly flags?: number };
    if (procedure === "connect_open" && ((flags & CONNECT_RO) !== 0 || peer.door.endsWith("-ro"))) this.peers.add(peer);
    if (!this.peers.has(peer)) return;
    if (!allowed.has(procedure)) throw refusals.readOnly(procedure);
    // virDomainGetXMLDesc
    if (procedure === "domain_get_xml_desc" && (flags & (DomainXml.SECURE | DomainXml.MIGRATABLE)) !== 0)
      throw refusals.secureXml();
  }
}

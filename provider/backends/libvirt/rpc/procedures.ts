import {
  domain,
  domainInterface,
  hostInterface,
  network,
  nodeDevice,
  nonnullString,
  nullableString,
  typedParameterList,
  uuid,
} from "./datatypes.js";
import {
  array,
  type Codec,
  fixedArray,
  hyper,
  int,
  mapped,
  opaque,
  optional,
  struct,
  type TypeOf,
  uhyper,
  uint,
} from "./xdr.js";

/**
 * The procedures of libvirt's RPC that this package calls, and the messages that it hears: numbers, arguments and results
 * as in src/remote/remote_protocol.x and qemu_protocol.x, in the order of the fields there. The encoding comes from here.
 */

export const programs = {
  remote: { number: 0x2000_8086, version: 1 },
  qemu: { number: 0x2000_8087, version: 1 },
  keepalive: { number: 0x6b65_6570, version: 1 },
} as const;

export type ProgramName = keyof typeof programs;

export interface ProcedureDefinition<A, R> {
  readonly program: ProgramName;
  readonly number: number;
  readonly args: Codec<A>;
  readonly ret: Codec<R>;
}

export interface MessageDefinition<T> {
  readonly program: ProgramName;
  readonly number: number;
  readonly body: Codec<T>;
}

const MIGRATE_PARAM_LIST_MAX = 64;
const JOB_STATS_MAX = 64;
const GUEST_INFO_PARAMS_MAX = 2048;
const NODE_MAX_CELLS = 1024;
const NODE_MEMORY_STATS_MAX = 16;

const nothing = struct({});
const flags = uint;
const cookie = opaque(4_194_304);
const migrateParameters = typedParameterList(MIGRATE_PARAM_LIST_MAX);
const jobStats = typedParameterList(JOB_STATS_MAX);
const guestInfo = typedParameterList(GUEST_INFO_PARAMS_MAX);

/** C's `char[n]`, which XDR sends as one integer for each character. */
const characters = (length: number): Codec<string> =>
  mapped(
    fixedArray(int, length),
    (text: string) => Array.from({ length }, (_, index) => text.charCodeAt(index) || 0),
    (codes) => Buffer.from(codes).toString("latin1").split("\0", 1)[0] ?? "",
  );

const onDomain = struct({ dom: domain });
const onDomainWithFlags = struct({ dom: domain, flags });
const onNetwork = struct({ net: network });
const listing = struct({ need_results: int, flags });

export const procedures = {
  connect_open: remote(1, struct({ name: nullableString, flags }), nothing),
  connect_close: remote(2, nothing, nothing),
  connect_get_version: remote(4, nothing, struct({ hv_ver: uhyper })),
  node_get_info: remote(
    6,
    nothing,
    struct({
      model: characters(32),
      memory: uhyper,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  connect_get_capabilities: remote(7, nothing, struct({ capabilities: nonnullString })),
  domain_get_xml_desc: remote(14, onDomainWithFlags, struct({ xml: nonnullString })),
  domain_get_autostart: remote(15, onDomain, struct({ autostart: int })),
  domain_lookup_by_name: remote(23, struct({ name: nonnullString }), onDomain),
  domain_lookup_by_uuid: remote(24, struct({ uuid }), onDomain),
  domain_resume: remote(28, onDomain, nothing),
  domain_set_autostart: remote(29, struct({ dom: domain, autostart: int }), nothing),
  domain_suspend: remote(34, onDomain, nothing),
  network_create: remote(39, onNetwork, nothing),
  network_destroy: remote(42, onNetwork, nothing),
  network_get_xml_desc: remote(43, struct({ net: network, flags }), struct({ xml: nonnullString })),
  network_lookup_by_name: remote(46, struct({ name: nonnullString }), onNetwork),
  network_lookup_by_uuid: remote(47, struct({ uuid }), onNetwork),
  network_set_autostart: remote(48, struct({ net: network, autostart: int }), nothing),
  network_undefine: remote(49, onNetwork, nothing),
  connect_get_hostname: remote(59, nothing, struct({ hostname: nonnullString })),
  connect_supports_feature: remote(60, struct({ feature: int }), struct({ supported: int })),
  auth_list: remote(66, nothing, struct({ types: array(int, 20) })),
  auth_polkit: remote(70, nothing, struct({ complete: int })),
  node_get_free_memory: remote(102, nothing, struct({ freeMem: uhyper })),
  connect_get_uri: remote(110, nothing, struct({ uri: nonnullString })),
  node_device_lookup_by_name: remote(113, struct({ name: nonnullString }), struct({ dev: nodeDevice })),
  node_device_get_xml_desc: remote(114, struct({ name: nonnullString, flags }), struct({ xml: nonnullString })),
  node_device_re_attach: remote(119, struct({ name: nonnullString }), nothing),
  interface_lookup_by_name: remote(128, struct({ name: nonnullString }), struct({ iface: hostInterface })),
  interface_get_xml_desc: remote(130, struct({ iface: hostInterface, flags }), struct({ xml: nonnullString })),
  domain_is_active: remote(150, onDomain, struct({ active: int })),
  domain_is_persistent: remote(151, onDomain, struct({ persistent: int })),
  network_is_active: remote(152, onNetwork, struct({ active: int })),
  connect_get_lib_version: remote(157, nothing, struct({ lib_ver: uhyper })),
  connect_compare_cpu: remote(158, struct({ xml: nonnullString, flags }), struct({ result: int })),
  domain_attach_device_flags: remote(160, struct({ dom: domain, xml: nonnullString, flags }), nothing),
  domain_detach_device_flags: remote(161, struct({ dom: domain, xml: nonnullString, flags }), nothing),
  domain_abort_job: remote(164, onDomain, nothing),
  domain_migrate_set_max_downtime: remote(166, struct({ dom: domain, downtime: uhyper, flags }), nothing),
  domain_update_device_flags: remote(174, struct({ dom: domain, xml: nonnullString, flags }), nothing),
  domain_create_with_flags: remote(196, onDomainWithFlags, onDomain),
  domain_migrate_set_max_speed: remote(207, struct({ dom: domain, bandwidth: uhyper, flags }), nothing),
  domain_get_state: remote(212, onDomainWithFlags, struct({ state: int, reason: int })),
  node_get_memory_stats: remote(
    228,
    struct({ nparams: int, cellNum: int, flags }),
    struct({ params: array(struct({ field: nonnullString, value: uhyper }), NODE_MEMORY_STATS_MAX), nparams: int }),
  ),
  domain_undefine_flags: remote(231, onDomainWithFlags, nothing),
  domain_destroy_flags: remote(234, onDomainWithFlags, nothing),
  domain_reset: remote(245, onDomainWithFlags, nothing),
  domain_shutdown_flags: remote(258, onDomainWithFlags, nothing),
  domain_set_metadata: remote(
    264,
    struct({ dom: domain, type: int, metadata: nullableString, key: nullableString, uri: nullableString, flags }),
    nothing,
  ),
  domain_get_metadata: remote(
    265,
    struct({ dom: domain, type: int, uri: nullableString, flags }),
    struct({ metadata: nonnullString }),
  ),
  connect_list_all_domains: remote(273, listing, struct({ domains: array(domain, 16_384), ret: uint })),
  connect_list_all_networks: remote(283, listing, struct({ nets: array(network, 16_384), ret: uint })),
  connect_list_all_interfaces: remote(284, listing, struct({ ifaces: array(hostInterface, 16_384), ret: uint })),
  connect_list_all_node_devices: remote(285, listing, struct({ devices: array(nodeDevice, 65_536), ret: uint })),
  domain_get_job_stats: remote(298, onDomainWithFlags, struct({ type: int, params: jobStats })),
  node_device_detach_flags: remote(301, struct({ name: nonnullString, driverName: nullableString, flags }), nothing),
  domain_migrate_begin3_params: remote(
    302,
    struct({ dom: domain, params: migrateParameters, flags }),
    struct({ cookie_out: cookie, xml: nonnullString }),
  ),
  domain_migrate_prepare3_params: remote(
    303,
    struct({ params: migrateParameters, cookie_in: cookie, flags }),
    struct({ cookie_out: cookie, uri_out: nullableString }),
  ),
  domain_migrate_perform3_params: remote(
    305,
    struct({ dom: domain, dconnuri: nullableString, params: migrateParameters, cookie_in: cookie, flags }),
    struct({ cookie_out: cookie }),
  ),
  domain_migrate_finish3_params: remote(
    306,
    struct({ params: migrateParameters, cookie_in: cookie, flags, cancelled: int }),
    struct({ dom: domain, cookie_out: cookie }),
  ),
  domain_migrate_confirm3_params: remote(
    307,
    struct({ dom: domain, params: migrateParameters, cookie_in: cookie, flags, cancelled: int }),
    nothing,
  ),
  connect_domain_event_callback_register_any: remote(
    316,
    struct({ eventID: int, dom: optional(domain) }),
    struct({ callbackID: int }),
  ),
  connect_domain_event_callback_deregister_any: remote(317, struct({ callbackID: int }), nothing),
  node_get_free_pages: remote(
    340,
    struct({ pages: array(uint, NODE_MAX_CELLS), startCell: int, cellCount: uint, flags }),
    struct({ counts: array(uhyper, NODE_MAX_CELLS) }),
  ),
  connect_get_domain_capabilities: remote(
    342,
    struct({
      emulatorbin: nullableString,
      arch: nullableString,
      machine: nullableString,
      virttype: nullableString,
      flags,
    }),
    struct({ capabilities: nonnullString }),
  ),
  domain_define_xml_flags: remote(350, struct({ xml: nonnullString, flags }), onDomain),
  domain_interface_addresses: remote(
    353,
    struct({ dom: domain, source: uint, flags }),
    struct({ ifaces: array(domainInterface, 2048) }),
  ),
  connect_register_close_callback: remote(360, nothing, nothing),
  domain_detach_device_alias: remote(392, struct({ dom: domain, alias: nonnullString, flags }), nothing),
  connect_compare_hypervisor_cpu: remote(
    393,
    struct({
      emulator: nullableString,
      arch: nullableString,
      machine: nullableString,
      virttype: nullableString,
      xmlCPU: nonnullString,
      flags,
    }),
    struct({ result: int }),
  ),
  domain_get_guest_info: remote(418, struct({ dom: domain, types: uint, flags }), struct({ params: guestInfo })),
  network_define_xml_flags: remote(432, struct({ xml: nonnullString, flags }), onNetwork),
  domain_abort_job_flags: remote(442, onDomainWithFlags, nothing),

  qemu_domain_monitor_command: qemu(
    1,
    struct({ dom: domain, cmd: nonnullString, flags }),
    struct({ result: nonnullString }),
  ),
  qemu_domain_agent_command: qemu(
    3,
    struct({ dom: domain, cmd: nonnullString, timeout: int, flags }),
    struct({ result: nullableString }),
  ),
  qemu_connect_domain_monitor_event_register: qemu(
    4,
    struct({ dom: optional(domain), event: nullableString, flags }),
    struct({ callbackID: int }),
  ),
  qemu_connect_domain_monitor_event_deregister: qemu(5, struct({ callbackID: int }), nothing),
} as const;

export const messages = {
  domain_event_callback_lifecycle: remoteMessage(
    318,
    struct({ callbackID: int, msg: struct({ dom: domain, event: int, detail: int }) }),
  ),
  domain_event_callback_device_removed: remoteMessage(
    333,
    struct({ callbackID: int, msg: struct({ dom: domain, devAlias: nonnullString }) }),
  ),
  domain_event_callback_device_added: remoteMessage(
    354,
    struct({ callbackID: int, dom: domain, devAlias: nonnullString }),
  ),
  domain_event_callback_migration_iteration: remoteMessage(
    359,
    struct({ callbackID: int, dom: domain, iteration: int }),
  ),
  connect_event_connection_closed: remoteMessage(362, struct({ reason: int })),
  domain_event_callback_job_completed: remoteMessage(363, struct({ callbackID: int, dom: domain, params: jobStats })),
  domain_event_callback_device_removal_failed: remoteMessage(
    367,
    struct({ callbackID: int, dom: domain, devAlias: nonnullString }),
  ),
  domain_event_callback_metadata_change: remoteMessage(
    379,
    struct({ callbackID: int, dom: domain, type: int, nsuri: nullableString }),
  ),
  qemu_domain_monitor_event: qemuMessage(
    6,
    struct({
      callbackID: int,
      dom: domain,
      event: nonnullString,
      seconds: hyper,
      micros: uint,
      details: nullableString,
    }),
  ),
} as const;

export type ProcedureName = keyof typeof procedures;
export type Args<P extends ProcedureName> = TypeOf<(typeof procedures)[P]["args"]>;
export type Ret<P extends ProcedureName> = TypeOf<(typeof procedures)[P]["ret"]>;

/**
 * Whether the procedure only looks. libvirt answers such a call at once, or with an error after 30 s where a job has the
 * domain (src/qemu/qemu_domainjob.c, QEMU_JOB_WAIT_TIME); what changes something takes as long as QEMU and the guest do.
 */
export function onlyReads(name: ProcedureName): boolean {
  return /_(get|lookup|is|list_all|supports|compare)_|^domain_interface_addresses$/.test(name);
}

export type MessageName = keyof typeof messages;
export type Body<M extends MessageName> = TypeOf<(typeof messages)[M]["body"]>;

function remote<A, R>(number: number, args: Codec<A>, ret: Codec<R>): ProcedureDefinition<A, R> {
  return { program: "remote", number, args, ret };
}

function qemu<A, R>(number: number, args: Codec<A>, ret: Codec<R>): ProcedureDefinition<A, R> {
  return { program: "qemu", number, args, ret };
}

function remoteMessage<T>(number: number, body: Codec<T>): MessageDefinition<T> {
  return { program: "remote", number, body };
}

function qemuMessage<T>(number: number, body: Codec<T>): MessageDefinition<T> {
  return { program: "qemu", number, body };
}

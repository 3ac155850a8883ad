/**
 * What libvirt says when it refuses, with its own numbers and texts. Checked against libvirt 11.3.0: the prefixes are those
 * of src/util/virerror.c, `domain` is virErrorDomain, `code` virErrorNumber (include/libvirt/virterror.h).
 */
import { VIR_ERR } from "../../provider/backends/libvirt/rpc/errors.js";
import type { OptionalDriver } from "../../provider/backends/libvirt/rpc/optional-drivers.js";

export class Refusal extends Error {
  constructor(
    readonly code: number,
    readonly domain: number,
    message: string,
  ) {
    super(message);
  }
}

const from = { none: 0, xml: 5, rpc: 7, qemu: 10, network: 19, domain: 20, nodedev: 22, interface: 26 } as const;

const invalid = (domain: number, why: string) =>
  new Refusal(VIR_ERR.OPERATION_INVALID, domain, `Requested operation is not valid: ${why}`);
const failed = (domain: number, why: string) =>
  new Refusal(VIR_ERR.OPERATION_FAILED, domain, `operation failed: ${why}`);
const internal = (domain: number, why: string) => new Refusal(VIR_ERR.INTERNAL_ERROR, domain, `internal error: ${why}`);

export const refusals = {
  // src/qemu/qemu_driver.c, src/conf/virdomainobjlist.c, src/conf/domain_conf.c
  noDomainNamed: (name: string) =>
    new Refusal(VIR_ERR.NO_DOMAIN, from.qemu, `Domain not found: no domain with matching name '${name}'`),
  noDomain: ({ uuid, name }: { uuid: string; name: string }) =>
    new Refusal(VIR_ERR.NO_DOMAIN, from.qemu, `Domain not found: no domain with matching uuid '${uuid}' (${name})`),
  // src/internal.h, virCheckReadOnlyGoto
  readOnly: (call: string) =>
    new Refusal(VIR_ERR.OPERATION_DENIED, from.none, `operation forbidden: read only access prevents ${call}`),
  secureXml: () =>
    new Refusal(VIR_ERR.OPERATION_DENIED, from.domain, "operation forbidden: virDomainGetXMLDesc with secure flag"),
  domainNotRunning: () => invalid(from.qemu, "domain is not running"),
  domainNotPaused: () => invalid(from.qemu, "domain is already running"),
  // src/internal.h, virCheckFlags
  unknownFlags: (flags: number) =>
    new Refusal(
      VIR_ERR.INVALID_ARG,
      from.qemu,
      `invalid argument: unsupported flags (0x${flags.toString(16)}) in function qemuDomainUndefineFlags`,
    ),
  undefineNvram: () => invalid(from.qemu, "cannot undefine domain with nvram"),
  undefineSnapshots: (count: number) => invalid(from.qemu, `cannot delete inactive domain with ${count} snapshots`),
  undefineCheckpoints: (count: number) => invalid(from.qemu, `cannot delete inactive domain with ${count} checkpoints`),
  undefineManagedSave: () => invalid(from.qemu, "Refusing to undefine while domain managed save image exists"),
  domainTransient: () => invalid(from.qemu, "cannot undefine transient domain"),
  noAutostart: () => invalid(from.qemu, "cannot set autostart for transient domain"),
  noConfig: () => invalid(from.domain, "cannot change persistent config of a transient domain"),
  domainExists: (name: string, uuid: string) =>
    failed(from.domain, `domain '${name}' already exists with uuid ${uuid}`),
  domainActive: (name: string) => invalid(from.domain, `domain '${name}' is already active`),
  noMetadata: () =>
    new Refusal(
      VIR_ERR.NO_DOMAIN_METADATA,
      from.domain,
      "metadata not found: Requested metadata element is not present",
    ),

  // src/conf/domain_conf.c, src/hypervisor/virhostdev.c, src/util/virnetdev.c, src/qemu/qemu_hotplug.c
  /** Seen on the lab where two VFs change their drivers at once. */
  causeUnknown: () => new Refusal(VIR_ERR.INTERNAL_ERROR, 0, "An error occurred, but the cause is unknown"),
  noDeviceWithAlias: (alias: string) => internal(from.domain, `no device found with alias ${alias}`),
  noDeviceWithMac: (mac: string) =>
    new Refusal(VIR_ERR.DEVICE_MISSING, from.domain, `device not found: no device matching MAC address ${mac} found`),
  aliasTwice: (alias: string) =>
    new Refusal(
      VIR_ERR.CONFIG_UNSUPPORTED,
      from.domain,
      `unsupported configuration: non unique alias detected: ${alias}`,
    ),
  // QEMU system/qdev-monitor.c, qdev_set_id, by way of src/qemu/qemu_monitor_json.c
  idTwice: (id: string) =>
    internal(from.qemu, `unable to execute QEMU command 'device_add': Duplicate device ID '${id}'`),
  deviceInUse: (address: string, domain: string) =>
    invalid(from.none, `PCI device ${address} is in use by driver QEMU, domain ${domain}`),
  deviceWithHost: (address: string) =>
    invalid(from.none, `Unmanaged PCI device ${address} must be manually detached from the host`),
  deviceTwice: () =>
    new Refusal(VIR_ERR.XML_ERROR, from.domain, "XML error: Hostdev already exists in the domain configuration"),
  functionOffline: (name: string) =>
    internal(
      from.none,
      `Unable to configure VF 0 of PF '${name}' because the PF is not online. Please change host network config to put the PF online.`,
    ),
  deviceAbsent: (address: string) =>
    internal(
      from.none,
      `Device ${address} not found: could not access /sys/bus/pci/devices/${address}/config: No such file or directory`,
    ),
  // src/conf/domain_addr.c, virDomainPCIAddressReserveAddrInternal
  guestAddressTwice: (address: string) =>
    new Refusal(VIR_ERR.XML_ERROR, from.domain, `XML error: Attempted double use of PCI Address ${address}`),
  noSlot: () => internal(from.none, "No more available PCI slots"),
  noBridge: (name: string) =>
    new Refusal(VIR_ERR.SYSTEM_ERROR, from.none, `Cannot get interface MTU on '${name}': No such device`),
  unplugRejected: () => failed(from.qemu, "unplug of device was rejected by the guest"),
  // src/qemu/qemu_hotplug.c, qemuDomainDetachDeviceLive
  fixedPort: (address: string) =>
    failed(
      from.qemu,
      `cannot hot unplug interface device with PCI guest address: ${address} - not allowed by controller`,
    ),
  unplugPending: (alias: string) =>
    internal(
      from.qemu,
      `unable to execute QEMU command 'device_del': Device ${alias} is already in the process of unplug`,
    ),

  // QEMU hw/pci/pcie.c, pcie_cap_slot_unplug_request_cb
  guestBusy: () =>
    internal(
      from.qemu,
      "unable to execute QEMU command 'device_del': Hot-unplug failed: guest is busy (power indicator blinking)",
    ),

  // src/qemu/qemu_domain.c, src/qemu/qemu_agent.c
  noAgent: () =>
    new Refusal(VIR_ERR.ARGUMENT_UNSUPPORTED, from.qemu, "argument unsupported: QEMU guest agent is not configured"),
  agentNotConnected: () =>
    new Refusal(
      VIR_ERR.AGENT_UNRESPONSIVE,
      from.qemu,
      "Guest agent is not responding: QEMU guest agent is not connected",
    ),
  agentSilent: () =>
    new Refusal(
      VIR_ERR.AGENT_UNRESPONSIVE,
      from.qemu,
      "Guest agent is not responding: Guest agent not available for now",
    ),
  agentCommandUnknown: (command: string) =>
    internal(from.qemu, `unable to execute QEMU agent command '${command}': The command ${command} has not been found`),

  // src/conf/virnetworkobj.c, src/network/bridge_driver.c
  noNetworkNamed: (name: string) =>
    new Refusal(VIR_ERR.NO_NETWORK, from.network, `Network not found: no network with matching name '${name}'`),
  noNetwork: (uuid: string) =>
    new Refusal(VIR_ERR.NO_NETWORK, from.network, `Network not found: no network with matching uuid '${uuid}'`),
  networkExists: (name: string, uuid: string) =>
    failed(from.network, `network '${name}' already exists with uuid ${uuid}`),
  networkDefined: (name: string, uuid: string) =>
    failed(from.network, `network '${name}' is already defined with uuid ${uuid}`),

  /** src/rpc/virnetsocket.c, virNetSocketNewConnectUNIX, in the hypervisor's daemon (src/remote/remote_daemon_dispatch.c, remoteOpenConn) */
  noDaemon: (driver: OptionalDriver) =>
    new Refusal(
      VIR_ERR.SYSTEM_ERROR,
      from.rpc,
      `Failed to connect socket to '/var/run/libvirt/virt${driver}d-sock': No such file or directory`,
    ),

  // src/node_device/node_device_driver.c, src/interface/interface_backend_udev.c
  noNodeDevice: (name: string) =>
    new Refusal(
      VIR_ERR.NO_NODE_DEVICE,
      from.nodedev,
      `Node device not found: no node device with matching name '${name}'`,
    ),
  noInterface: (name: string) =>
    new Refusal(VIR_ERR.NO_INTERFACE, from.interface, `Interface not found: couldn't find interface named '${name}'`),
  // src/datatypes.h, virReportUnsupportedError, in src/libvirt-interface.c
  noInterfaceDriver: (called: "virInterfaceLookupByName" | "virConnectListAllInterfaces") =>
    new Refusal(
      VIR_ERR.NO_SUPPORT,
      from.interface,
      `this function is not supported by the connection driver: ${called}`,
    ),

  // src/qemu/qemu_migration.c, src/qemu/qemu_driver.c, src/conf/virdomainjob.c
  jobHeld: () =>
    new Refusal(
      VIR_ERR.OPERATION_TIMEOUT,
      from.qemu,
      "Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainMigratePerform3Params)",
    ),
  noJob: () => invalid(from.qemu, "no job is active on the domain"),
  noMigration: (name: string, direction: "incoming" | "outgoing") =>
    invalid(
      from.qemu,
      `domain '${name}' is not ${direction === "incoming" ? "processing incoming migration" : "being migrated"}`,
    ),
  statisticsOnSource: () =>
    new Refusal(
      VIR_ERR.OPERATION_UNSUPPORTED,
      from.qemu,
      "Operation not supported: migration statistics are available only on the source host",
    ),
  jobFailed: () => failed(from.qemu, "job 'migration out' unexpectedly failed"),
  jobCancelled: () =>
    new Refusal(VIR_ERR.OPERATION_ABORTED, from.qemu, "operation aborted: job 'migration out' canceled by client"),
  finishedAsAsked: () => new Refusal(VIR_ERR.MIGRATE_FINISH_OK, from.qemu, "migration successfully aborted"),
  tlsForced: () => invalid(from.qemu, "this libvirtd instance allows migration only with VIR_MIGRATE_TLS flag"),
  // QEMU crypto/tlscredsx509.c and crypto/tlssession.c
  noCertificate: () =>
    internal(
      from.qemu,
      "unable to execute QEMU command 'object-add': Unable to access credentials /etc/pki/qemu/ca-cert.pem: No such file or directory",
    ),
  otherName: (name: string) =>
    failed(from.qemu, `job 'migration out' failed: Certificate does not match the hostname ${name}`),
  guestQuit: () => internal(from.qemu, "guest unexpectedly quit"),
  // src/util/virhostmem.c, src/util/virnuma.c
  statisticsCount: () => new Refusal(VIR_ERR.INVALID_ARG, from.none, "nparams in virHostMemGetStatsLinux must be 4"),
  noPageSize: (sizeKiB: number, node: number) =>
    failed(
      from.none,
      node < 0 ? `page size ${sizeKiB} is not available` : `page size ${sizeKiB} is not available on node ${node}`,
    ),
  sameHost: (uuid: string) => internal(from.qemu, `Attempt to migrate guest to the same host ${uuid}`),
  noMemory: () =>
    internal(
      from.qemu,
      "process exited while connecting to monitor: qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
    ),
  notReached: (uri: string) => internal(from.qemu, `unable to connect to server at '${uri}': Connection refused`),

  // src/qemu/qemu_migration.c, qemuMigrationSrcIsAllowed, qemuMigrationSrcIsSafe, qemuMigrationSrcBeginPhase
  migrateSnapshots: (count: number) => invalid(from.qemu, `cannot migrate domain with ${count} snapshots`),
  migrateBlocked: (reasons: readonly string[]) => invalid(from.qemu, `cannot migrate domain: ${reasons.join("; ")}`),
  migrateBlockJob: () => invalid(from.qemu, "domain has active block job"),
  migrateInvariantTsc: () => invalid(from.qemu, "domain has 'invtsc' CPU feature but TSC frequency is not specified"),
  migrateShmem: (name: string) =>
    invalid(from.qemu, `shmem device '${name}' cannot be migrated, only shmem with role='master' can be migrated`),
  migrateVirtiofs: () => invalid(from.qemu, "migration with virtiofs device is not supported"),
  migrateTransientDisk: () => invalid(from.qemu, "migration with transient disk is not supported"),
  migrateUnsafe: () =>
    new Refusal(VIR_ERR.MIGRATE_UNSAFE, from.qemu, "Unsafe migration: Migration without shared storage is unsafe"),
  noDiskTarget: (target: string) =>
    new Refusal(VIR_ERR.INVALID_ARG, from.qemu, `invalid argument: disk target ${target} not found`),
  disksWithoutStorage: () =>
    new Refusal(
      VIR_ERR.OPERATION_UNSUPPORTED,
      from.qemu,
      "Operation not supported: use of 'VIR_MIGRATE_PARAM_MIGRATE_DISKS' requires use of 'VIR_MIGRATE_NON_SHARED_DISK' or 'VIR_MIGRATE_NON_SHARED_INC' flag",
    ),

  // src/conf/object_event.c
  noCallback: (id: number) => internal(from.rpc, `domain event callback ${id} not registered`),
} as const;

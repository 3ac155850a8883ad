/**
 * The parts of libvirt that a host may lack. With modular daemons each is a daemon of its own, which the hypervisor's daemon
 * asks at the first call that needs it (src/remote/remote_daemon_dispatch.c, remoteGetInterfaceConn and its siblings); with
 * libvirtd it is a module. Distributions package them one by one.
 */
import { LibvirtError, VIR_ERR, type LibvirtFault } from "./errors.js";
import type { ProcedureName } from "./procedures.js";

export const optionalDrivers = ["interface", "network", "nodedev", "storage", "secret", "nwfilter"] as const;
export type OptionalDriver = (typeof optionalDrivers)[number];

interface DriverRow {
  /** What it tells of, in a sentence. */
  readonly what: string;
  /** How its procedures begin, and what those that list its things end with. */
  readonly prefix: string;
  readonly things: string;
}

const rows: Readonly<Record<OptionalDriver, DriverRow>> = {
  interface: { what: "the host's network interfaces", prefix: "interface_", things: "_interfaces" },
  network: { what: "libvirt's networks", prefix: "network_", things: "_networks" },
  nodedev: { what: "the host's devices", prefix: "node_device_", things: "_node_devices" },
  storage: { what: "storage pools", prefix: "storage_", things: "_storage_pools" },
  secret: { what: "libvirt's secrets", prefix: "secret_", things: "_secrets" },
  nwfilter: { what: "network filters", prefix: "nwfilter_", things: "_nwfilters" },
};

/** The driver that answers a procedure. Undefined: the hypervisor's own. */
export function driverOf(procedure: string): OptionalDriver | undefined {
  return optionalDrivers.find((name) => {
    const { prefix, things } = rows[name];
    return procedure.startsWith(prefix) || (procedure.startsWith("connect_") && procedure.endsWith(things));
  });
}

/** A cheap call that each driver answers which this package uses, if it is there. */
export const probes = {
  interface: "connect_list_all_interfaces",
  network: "connect_list_all_networks",
  nodedev: "connect_list_all_node_devices",
} as const satisfies Partial<Record<OptionalDriver, ProcedureName>>;

/** `virtnodedevd`. */
function daemonOf(driver: OptionalDriver): string {
  return `virt${driver}d`;
}

/** The package that has it, by one name on Debian (from 13 on), Fedora, RHEL and SUSE. */
function packageOf(driver: OptionalDriver): string {
  return `libvirt-daemon-driver-${driver}`;
}

/** libvirt has no such part on that host, or it does not run: nothing is known of what it would tell, and nothing can be changed by it. */
export class DriverMissing extends LibvirtError {
  override readonly name = "DriverMissing";
  /** What does not answer: `virtnodedevd`, or the driver where libvirtd has all drivers. */
  readonly missing: string;
  readonly remedy: string;

  constructor(
    readonly driver: OptionalDriver,
    procedure: string,
    fault: LibvirtFault,
    where: string,
  ) {
    const isModule = fault.code === VIR_ERR.NO_SUPPORT;
    const missing = isModule ? `libvirt's ${driver} driver` : daemonOf(driver);
    const remedy = isModule
      ? `Install ${packageOf(driver)} on that host and restart libvirtd.`
      : `Install ${packageOf(driver)} on that host and enable its socket: systemctl enable --now ${daemonOf(driver)}.socket`;
    super(procedure, fault, where, {
      code: "libvirt-driver-missing",
      what: `Unable to ask "${where}" for ${rows[driver].what}: ${missing} ${isModule ? "is not installed" : "does not answer"}`,
      where,
      remedy,
    });
    this.missing = missing;
    this.remedy = remedy;
  }

  /** Its own words say more. */
  override get quote(): undefined {
    return undefined;
  }
}

/**
 * libvirt's refusal as an error. Where a daemon is missing the hypervisor's daemon says that it could not connect to its socket
 * (src/rpc/virnetsocket.c, virNetSocketNewConnectUNIX; src/libvirt.c, virConnectOpenInternal, where nothing could), and
 * libvirtd that no driver has the function (src/datatypes.h, virReportUnsupportedError).
 */
export function libvirtErrorOf(procedure: ProcedureName, fault: LibvirtFault, where: string): LibvirtError {
  const driver = driverOf(procedure);
  return driver !== undefined && isMissing(driver, fault)
    ? new DriverMissing(driver, procedure, fault, where)
    : new LibvirtError(procedure, fault, where);
}

function isMissing(driver: OptionalDriver, { code, message }: LibvirtFault): boolean {
  if (code === VIR_ERR.NO_SUPPORT || code === VIR_ERR.NO_CONNECT) return true;
  return code === VIR_ERR.SYSTEM_ERROR && message?.includes(`/${daemonOf(driver)}-sock`) === true;
}

/** The answer; undefined where the host lacks that part of libvirt. */
export async function unlessMissing<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof DriverMissing) return undefined;
    throw error;
  }
}

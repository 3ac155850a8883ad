/** What a host has for SR-IOV failover: versions, IOMMU, bridges, PFs and VFs. Pure reading. */
import type { BridgeHealth } from "../../rules/index.js";
import { networkOn, pfInWords, pfsOf } from "../../config/index.js";
import { parseHostCapabilities } from "./xml/capabilities.js";
import type { LibvirtCluster } from "./cluster.js";
import { HostUnreachable, type LibvirtHost } from "./host.js";
import { reasonOf, remedyFor } from "../../model/problem.js";
import { availableMemoryKiB } from "./host-memory.js";
import { hostInterface, physicalFunction, type PhysicalFunction } from "./inventory.js";
import { hostUseIn } from "./network-vfs.js";
import { LibvirtError } from "./rpc/errors.js";
import { DriverMissing, probes, type OptionalDriver } from "./rpc/optional-drivers.js";
import { unstartableOn, type Unstartable } from "./start-survey.js";

export interface SilentHost {
  readonly name: string;
  readonly answers: false;
  /** In the words of the attempt, without a full stop. */
  readonly why: string;
  readonly remedy: string | undefined;
}

export interface AnsweringHost {
  readonly name: string;
  readonly answers: true;
  readonly uuid: string | undefined;
  /** major × 1,000,000 + minor × 1,000 + release. */
  readonly libvirtVersion: number;
  readonly qemuVersion: number;
  /** Undefined: libvirt does not say. */
  readonly iommu: boolean | undefined;
  /** Free, or held as caches that the kernel would give up. */
  readonly freeMemoryKiB: number;
  readonly networks: readonly SurveyedNetwork[];
  /** VMs that would not start again there. */
  readonly unstartable?: readonly Unstartable[];
  /** The parts of libvirt that it lacks, of those that are of use here. */
  readonly missingDrivers?: readonly MissingDriver[];
}

interface MissingDriver {
  readonly driver: OptionalDriver;
  /** In words, without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

export type HostSurvey = SilentHost | AnsweringHost;

/** A network of the configuration, as the host has it. */
export interface SurveyedNetwork {
  readonly name: string;
  /** As configured, bytes. */
  readonly mtu: number | undefined;
  readonly bridge: BridgeHealth | undefined;
  readonly physicalFunctions: readonly SurveyedPf[];
}

export interface SurveyedPf {
  /** With the network's range of its VFs, where it has one: `eth3 (VFs 2-7)`. */
  readonly name: string;
  /** Its interface. Default: {@link name}. */
  readonly pf?: string;
  /** Undefined: the host has no such interface, or it is no PF; `unknown`: it cannot tell. */
  readonly found: PhysicalFunction | "unknown" | undefined;
}

export function answering(host: HostSurvey): host is AnsweringHost {
  return host.answers;
}

/** Of a cluster, or of some of its hosts. */
export function surveyHosts(cluster: Pick<LibvirtCluster, "hosts" | "config">): Promise<readonly HostSurvey[]> {
  return Promise.all(cluster.hosts.map((host) => surveyHost(cluster, host)));
}

async function surveyHost(cluster: Pick<LibvirtCluster, "config" | "hosts">, host: LibvirtHost): Promise<HostSurvey> {
  try {
    const connection = await host.connection();
    const [{ capabilities }, libvirt, qemu, memory] = await Promise.all([
      connection.call("connect_get_capabilities", {}),
      connection.call("connect_get_lib_version", {}),
      connection.call("connect_get_version", {}),
      availableMemoryKiB(connection),
    ]);
    const { uuid, iommu } = parseHostCapabilities(capabilities);
    const missingDrivers = await missingDriversOn(host);
    return {
      name: host.name,
      answers: true,
      uuid,
      libvirtVersion: Number(libvirt.lib_ver),
      qemuVersion: Number(qemu.hv_ver),
      iommu,
      freeMemoryKiB: memory,
      networks: await surveyNetworks(cluster, host),
      unstartable: await unstartableOn(host),
      ...(missingDrivers.length > 0 && { missingDrivers }),
    };
  } catch (error) {
    if (!(error instanceof HostUnreachable)) throw error;
    return { name: host.name, answers: false, why: reasonOf(error), remedy: remedyFor(error) };
  }
}

/** Each is asked for something that it answers at once. */
async function missingDriversOn(host: LibvirtHost): Promise<readonly MissingDriver[]> {
  const connection = await host.connection();
  const answers = Object.values(probes).map((procedure) =>
    connection.call(procedure, { need_results: 0, flags: 0 }).then(
      () => [],
      (error: unknown) => {
        if (error instanceof DriverMissing)
          return { driver: error.driver, why: reasonOf(error), remedy: `${error.remedy.replace(/\.$/, "")}.` };
        // It is there, and has its own reasons.
        if (LibvirtError.is(error)) return [];
        throw error;
      },
    ),
  );
  return (await Promise.all(answers)).flat();
}

async function surveyNetworks(
  cluster: Pick<LibvirtCluster, "config" | "hosts">,
  host: LibvirtHost,
): Promise<readonly SurveyedNetwork[]> {
  const use = await hostUseIn(cluster, host);
  const { config } = cluster;
  return Promise.all(
    Object.keys(config.networks).map(async (name): Promise<SurveyedNetwork> => {
      const network = networkOn(config, host.name, name);
      const { bridge, mtu } = network ?? {};
      return {
        name,
        mtu,
        bridge: bridge === undefined ? undefined : await surveyBridge(host, bridge, config.hostCommands),
        physicalFunctions: await Promise.all(
          (pfsOf(network) ?? []).map(async (pf) => ({
            name: pfInWords(pf),
            pf: pf.name,
            found: use.missing === undefined ? await physicalFunction(host, pf, use) : ("unknown" as const),
          })),
        ),
      };
    }),
  );
}

async function surveyBridge(host: LibvirtHost, name: string, commands: boolean): Promise<BridgeHealth> {
  const answer = await hostInterface(host, name, { commands });
  if (answer === "unknown") return { name, there: "unknown" };
  if (answer === "absent") return { name, there: false };
  return { name, there: true, mtu: answer.mtu, ports: answer.ports };
}

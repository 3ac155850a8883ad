/** What a host has for SR-IOV failover: versions, IOMMU, bridges, PFs and VFs. Pure reading. */
import type { AnsweringHost as HostHealth, BridgeHealth, NetworkHealth, UnreachableHost } from "../../rules/index.js";
import { networkOn, pfInWords, pfsOf, type ClusterConfig } from "../../config/index.js";
import type { LibvirtCluster } from "./cluster.js";
import type { LibvirtHost } from "./host.js";
import { unlessUnreachable, HostUnreachable } from "./host-errors.js";
import { reasonOf, remedyFor } from "../../model/problem.js";
import { hostBasics, type HostBasics } from "./host-basics.js";
import { hostInterface, physicalFunction, type HostUse, type PhysicalFunction } from "./inventory.js";
import { journalReservations } from "./reservations.js";
import { LibvirtError } from "./rpc/errors.js";
import { DriverMissing, probes, type OptionalDriver } from "./rpc/optional-drivers.js";
import { unstartableOn } from "./start-survey.js";

export interface AnsweringHost extends HostHealth<SurveyedPf> {
  /** Free, or held as caches that the kernel would give up. */
  readonly freeMemoryKiB: number;
  readonly missingDrivers?: readonly MissingDriver[];
}

interface MissingDriver {
  readonly driver: OptionalDriver;
  /** In words, without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

export type HostSurvey = UnreachableHost | AnsweringHost;

export type SurveyedNetwork = NetworkHealth<SurveyedPf>;

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

type Cluster = Pick<LibvirtCluster, "config" | "hosts">;

/** What holds of a host whichever VM is asked about, or the error of one that is unreachable. */
type ReadBasics = (host: LibvirtHost) => Promise<HostBasics | HostUnreachable>;

/**
 * Of a cluster, or of some of its hosts.
 * @param basics of a host, where they are read for others as well. Default: they are read now.
 */
export function surveyHosts(cluster: Cluster, basics = basicsNow(cluster)): Promise<readonly HostSurvey[]> {
  return surveyEach(cluster, basics, () => Promise.resolve({}));
}

/** Besides, which of their VMs would not start again, and which parts of libvirt they lack. */
export function surveyHostsFully(cluster: Cluster): Promise<readonly HostSurvey[]> {
  return surveyEach(cluster, basicsNow(cluster), async (host) => {
    const [missingDrivers, unstartable] = await Promise.all([missingDriversOn(host), unstartableOn(host)]);
    return { unstartable, ...(missingDrivers.length > 0 && { missingDrivers }) };
  });
}

function basicsNow({ config, hosts }: Cluster): ReadBasics {
  const journals = journalReservations(hosts);
  return (host) => unlessUnreachable(() => hostBasics(host, { commands: config.hostCommands, journals }));
}

function surveyEach(
  { config, hosts }: Cluster,
  read: ReadBasics,
  more: (host: LibvirtHost) => Promise<Pick<AnsweringHost, "unstartable" | "missingDrivers">>,
): Promise<readonly HostSurvey[]> {
  return Promise.all(
    hosts.map(async (host): Promise<HostSurvey> => {
      const basics = await read(host);
      const survey =
        basics instanceof HostUnreachable
          ? basics
          : await unlessUnreachable(async () => ({
              ...(await surveyHost(config, host, basics)),
              ...(await more(host)),
            }));
      if (!(survey instanceof HostUnreachable)) return survey;
      return { name: host.name, answers: false, why: reasonOf(survey), remedy: remedyFor(survey) };
    }),
  );
}

async function surveyHost(config: ClusterConfig, host: LibvirtHost, basics: HostBasics): Promise<AnsweringHost> {
  const { capabilities, libvirtVersion, qemuVersion, memory, use } = basics;
  const networks = Object.keys(config.networks).map((name) => surveyNetwork(config, host, name, use));
  return {
    name: host.name,
    answers: true,
    uuid: capabilities.uuid,
    libvirtVersion,
    qemuVersion,
    iommu: capabilities.iommu,
    freeMemoryKiB: memory.availableKiB,
    networks: await Promise.all(networks),
  };
}

/**
 * A network of the configuration, as the host has it.
 * @param use of the host's VFs.
 * @param interfaceOn what the host says of its interface of that name. Default: it is asked.
 */
export async function surveyNetwork(
  config: ClusterConfig,
  host: LibvirtHost,
  name: string,
  use: HostUse,
  interfaceOn = (bridge: string) => hostInterface(host, bridge, { commands: config.hostCommands }),
): Promise<SurveyedNetwork> {
  const network = networkOn(config, host.name, name);
  const { bridge, mtu } = network ?? {};
  const [onBridge, physicalFunctions] = await Promise.all([
    bridge === undefined ? undefined : surveyBridge(bridge, interfaceOn),
    Promise.all(
      (pfsOf(network) ?? []).map(async (pf) => ({
        name: pfInWords(pf),
        pf: pf.name,
        found: use.missing === undefined ? await physicalFunction(host, pf, use) : ("unknown" as const),
      })),
    ),
  ]);
  return { name, mtu, bridge: onBridge, physicalFunctions };
}

async function surveyBridge(
  name: string,
  interfaceOn: (name: string) => ReturnType<typeof hostInterface>,
): Promise<BridgeHealth> {
  const answer = await interfaceOn(name);
  if (answer === "unknown") return { name, there: "unknown" };
  if (answer === "absent") return { name, there: false };
  return { name, there: true, mtu: answer.mtu, ports: answer.ports };
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

/** What a drain has to know: the VMs of the host, and what the others have for them. Pure reading. */
import type { DrainDestination, DrainVm } from "../migration/drain-plan.js";
import { Asked } from "../migration/asked.js";
import { errorsOf, planMoves, type MovePlan } from "../migration/plan.js";
import { ProblemError } from "../problem.js";
import { isActive, type LibvirtCluster } from "../backends/libvirt/cluster.js";
import { HostUnreachable } from "../backends/libvirt/host.js";
import { isFree } from "../backends/libvirt/inventory.js";
import { answering, surveyHosts, type AnsweringHost } from "./host-survey.js";

export interface DrainFacts {
  readonly vms: readonly DrainVm[];
  readonly destinations: readonly DrainDestination[];
  /** Destinations that do not answer. */
  readonly silent: readonly HostUnreachable[];
}

/** @throws HostUnreachable when the host itself does not answer. */
export async function drainFacts(cluster: LibvirtCluster, from: string, to: readonly string[]): Promise<DrainFacts> {
  const source = cluster.host(from);
  const doms = await source.domains();
  const states = await Promise.all(doms.map(async (dom) => ({ dom, ...(await source.state(dom)) })));
  const surveyed = await surveyHosts({ hosts: to.map((name) => cluster.host(name)), config: cluster.config });
  const hosts = surveyed.filter(answering);
  const asked = new Asked(cluster);
  const vms: DrainVm[] = [];
  // One VM after the other: each asks every destination at once.
  for (const { dom } of states.filter(isActive)) {
    const { memoryKiB } = await source.liveDomain(dom);
    vms.push({ name: dom.name, memoryKiB, ...(await fitnessOf(cluster, dom.name, hosts, asked)) });
  }
  return {
    vms,
    destinations: hosts.map(destinationOf),
    silent: surveyed.flatMap((host) => (answering(host) ? [] : new HostUnreachable(host.name, new Error(host.why)))),
  };
}

/** What the rules of a move say of the VM and each host, as if it were the only one that moves. */
async function fitnessOf(
  cluster: LibvirtCluster,
  vm: string,
  hosts: readonly AnsweringHost[],
  asked: Asked,
): Promise<Pick<DrainVm, "interfaces" | "excluded">> {
  let plans: readonly MovePlan[];
  try {
    plans = await planMoves(
      cluster,
      vm,
      hosts.map(({ name }) => name),
      asked,
    );
  } catch (error) {
    // A VM that cannot be looked at stays; the others need not wait for it.
    if (!(error instanceof ProblemError)) throw error;
    return { interfaces: [], excluded: new Map(hosts.map(({ name }) => [name, error.message])) };
  }
  return {
    // The VM's own interfaces, whatever the destination.
    interfaces: (plans[0]?.interfaces ?? []).map(({ network, standbyNetwork }) => ({
      vfNetwork: network,
      ...(standbyNetwork !== "" && { standbyNetwork }),
    })),
    excluded: new Map(
      plans.flatMap((plan) => {
        const errors = errorsOf(plan);
        return errors.length === 0 ? [] : [[plan.to, errors.map(({ message }) => message).join(" ")] as const];
      }),
    ),
  };
}

function destinationOf({ name, freeMemoryKiB, networks }: AnsweringHost): DrainDestination {
  return {
    name,
    freeMemoryKiB,
    networks: networks.map((network) => ({
      name: network.name,
      bridge: network.bridge?.there ?? false,
      physicalFunctions: network.physicalFunctions.flatMap(({ name: pf, found }) =>
        found?.linkUp === true ? [{ name: pf, freeVfs: found.virtualFunctions.filter(isFree).length }] : [],
      ),
    })),
  };
}

/** What a drain has to know on oVirt: the VMs that are to move, and what the engine tells of the destinations. Pure reading. */
import {
  labelsFor,
  serves,
  type EngineClient,
  type EngineHost,
  type EngineVm,
} from "../../../backends/ovirt/rest/index.js";
import { readEngine, type FullView } from "../../../handlers/ovirt/cluster-view.js";
import { hostReads, type HostReads } from "../../../handlers/ovirt/placement-facts.js";
import { pairReader } from "../../../handlers/ovirt/pairs.js";
import type { Engine } from "../../../handlers/ovirt/session.js";
import { violationsIn } from "../../../handlers/ovirt/vm-placement.js";
import type { DrainDestination } from "../../../drain/plan.js";
import { ProblemError } from "../../../model/problem.js";
import type { Violation } from "../../../rules/index.js";
import type { FoundVm } from "../../../drain/facts.js";

export interface EngineDrainFacts {
  readonly vms: readonly FoundVm[];
  readonly destinations: readonly DrainDestination[];
}

/** How many VMs are asked about at once. */
const atOnce = 4;

/** Of these VMs, each where it runs. @param from the names of hosts by their ids */
export async function engineDrainFacts(
  engine: Engine,
  running: readonly EngineVm[],
  to: readonly EngineHost[],
  from: ReadonlyMap<string, string>,
): Promise<EngineDrainFacts> {
  const { client } = engine;
  const reads = hostReads(client);
  const view = await readEngine(engine, undefined);
  const reader = pairReader(client);
  const found = async (vm: EngineVm): Promise<FoundVm> => {
    const pairs = (await reader.of(vm)).filter(({ nic }) => nic.plugged);
    return {
      name: vm.name,
      uuid: vm.id,
      from: from.get(vm.host ?? "") ?? "",
      memoryKiB: Math.ceil((vm.memory ?? 0) / 1024),
      interfaces: pairs.map(({ network, standbyNetwork }) => ({
        vfNetwork: network,
        ...(standbyNetwork !== undefined && { standbyNetwork }),
      })),
      excluded: await exclusions(to, (host) => violationsIn(client, view, vm, host, { reads })),
    };
  };
  const vms: FoundVm[] = [];
  for (let first = 0; first < running.length; first += atOnce)
    vms.push(...(await Promise.all(running.slice(first, first + atOnce).map(found))));
  return {
    vms,
    destinations: await Promise.all(to.map((host) => destinationFacts(client, view, host, reads))),
  };
}

async function destinationFacts(
  client: EngineClient,
  { networks }: FullView,
  { id, name, maxSchedulingMemory }: EngineHost,
  reads: HostReads,
): Promise<DrainDestination> {
  const { functions } = await reads.networking(id);
  const labels = await labelsFor(
    client,
    functions,
    networks.map((network) => network.id),
  );
  return {
    name,
    // The engine's scheduler decides where nothing is told.
    freeMemoryKiB: maxSchedulingMemory === undefined ? Infinity : Math.floor(maxSchedulingMemory / 1024),
    networks: networks.map((network) => ({
      name: network.name,
      // The rules of a move look at the standby's network.
      bridge: "unknown" as const,
      physicalFunctions: functions
        .filter((pf) => serves(pf, network.id, labels))
        .map((pf) => ({ name: pf.name, freeVfs: pf.free.length })),
    })),
  };
}

/** Why the VM cannot go to a host, as if it were the only one that moves. */
async function exclusions(
  hosts: readonly EngineHost[],
  violations: (host: EngineHost) => Promise<readonly Violation[]>,
): Promise<ReadonlyMap<string, string>> {
  const reasons = await Promise.all(
    hosts.map(async (host): Promise<readonly (readonly [string, string])[]> => {
      try {
        const broken = await violations(host);
        return broken.length === 0 ? [] : [[host.name, broken.map(({ message }) => message).join(" ")]];
      } catch (error) {
        // A VM that cannot be looked at stays; the others need not wait for it.
        if (!(error instanceof ProblemError)) throw error;
        return [[host.name, error.message]];
      }
    }),
  );
  return new Map(reasons.flat());
}

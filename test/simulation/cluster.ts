/** Hosts and VMs as the simulation has them. Whatever would break a promise throws at once. */
import type { DrainDestination, DrainNetwork, DrainVm } from "../../provider/drain/plan.js";
import { matchVfs } from "../../provider/model/vf-matching.js";

/** A promise was broken: the scheduler's fault, or the simulation's. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export interface SimulatedVm {
  readonly name: string;
  readonly memoryMiB: number;
  /** The network of each pair's VF. */
  readonly pairs: readonly string[];
  host: SimulatedHost;
  /** The PF of each pair's VF; undefined: it runs on its standby. */
  functions: readonly (string | undefined)[];
}

export class SimulatedHost {
  readonly vms = new Set<SimulatedVm>();
  /** Moves away from it and to it that are under way. */
  readonly jobs = { outgoing: 0, incoming: 0 };
  readonly peak = { outgoing: 0, incoming: 0 };
  /** The fewest VFs that were ever free on all its PFs together. */
  fewestFree: number;

  constructor(
    readonly name: string,
    private freeMemoryMiB: number,
    private readonly freeVfs: Map<string, number>,
    /** The PFs of each network, the preferred one first. */
    private readonly networks: ReadonlyMap<string, readonly string[]>,
  ) {
    this.fewestFree = this.freeInAll;
  }

  get freeInAll(): number {
    return [...this.freeVfs.values()].reduce((sum, free) => sum + free, 0);
  }

  /** The PFs that the pairs' VFs come from, as the move chooses them; undefined: too few are free. */
  choose(pairs: readonly string[]): readonly string[] | undefined {
    const given = matchVfs(
      pairs.map((network) => this.networks.get(network) ?? []),
      (name) => this.freeVfs.get(name) ?? 0,
    );
    const chosen = given.filter((name) => name !== undefined);
    return chosen.length < pairs.length ? undefined : chosen;
  }

  takeVfs(functions: readonly (string | undefined)[], times: 1 | -1 = 1): void {
    for (const name of functions) {
      if (name === undefined) continue;
      const free = (this.freeVfs.get(name) ?? 0) - times;
      if (free < 0) throw new Broken(`${this.name} has no VF of ${name} left`);
      this.freeVfs.set(name, free);
    }
    this.fewestFree = Math.min(this.fewestFree, this.freeInAll);
  }

  takeMemory(mebibytes: number): void {
    this.freeMemoryMiB -= mebibytes;
    if (this.freeMemoryMiB < 0) throw new Broken(`${this.name} has no memory left`);
  }

  begin(direction: "outgoing" | "incoming"): void {
    this.jobs[direction] += 1;
    this.peak[direction] = Math.max(this.peak[direction], this.jobs[direction]);
  }

  end(direction: "outgoing" | "incoming"): void {
    this.jobs[direction] -= 1;
  }

  asDestination(): DrainDestination {
    const networks = [...this.networks].map(([name, functions]): DrainNetwork => ({
      name,
      bridge: true,
      physicalFunctions: functions.map((pf) => ({ name: pf, freeVfs: this.freeVfs.get(pf) ?? 0 })),
    }));
    return { name: this.name, freeMemoryKiB: this.freeMemoryMiB * 1024, networks };
  }
}

export interface ClusterShape {
  readonly hosts: number;
  readonly vmsPerHost: number;
  readonly hostMemoryMiB: number;
  /** VFs of each PF. */
  readonly vfs: Readonly<Record<string, number>>;
  /** PFs of each network, the preferred one first. */
  readonly networks: Readonly<Record<string, readonly string[]>>;
  /** Memory of the VMs and the networks of their VFs, in turn. */
  readonly sizes: readonly { readonly memoryMiB: number; readonly pairs: readonly string[] }[];
}

export class SimulatedCluster {
  readonly hosts = new Map<string, SimulatedHost>();
  readonly vms = new Map<string, SimulatedVm>();

  constructor({ hosts, vmsPerHost, hostMemoryMiB, vfs, networks, sizes }: ClusterShape) {
    for (let index = 0; index < hosts; index++) {
      const name = `host${index}`;
      const host = new SimulatedHost(
        name,
        hostMemoryMiB,
        new Map(Object.entries(vfs)),
        new Map(Object.entries(networks)),
      );
      this.hosts.set(name, host);
      for (let number = 0; number < vmsPerHost; number++) {
        const size = sizes[number % sizes.length] ?? { memoryMiB: 1024, pairs: [] };
        const functions = host.choose(size.pairs);
        if (functions === undefined) throw new Broken(`${name} has too few VFs to begin with`);
        host.takeMemory(size.memoryMiB);
        host.takeVfs(functions);
        const vm = { name: `${name}-vm${number}`, ...size, host, functions };
        host.vms.add(vm);
        this.vms.set(vm.name, vm);
      }
    }
  }

  host(name: string): SimulatedHost {
    const found = this.hosts.get(name);
    if (found === undefined) throw new Broken(`there is no ${name}`);
    return found;
  }

  vm(name: string): SimulatedVm {
    const found = this.vms.get(name);
    if (found === undefined) throw new Broken(`there is no ${name}`);
    return found;
  }

  /** The VM runs on the destination from now on, and nowhere else. */
  switchOver(vm: SimulatedVm, to: SimulatedHost): void {
    if (vm.host === to || !vm.host.vms.delete(vm) || to.vms.has(vm))
      throw new Broken(`${vm.name} runs twice, or nowhere`);
    to.vms.add(vm);
    vm.host = to;
  }
}

export function asDrainVm({ name, memoryMiB, pairs }: SimulatedVm): DrainVm {
  return {
    name,
    memoryKiB: memoryMiB * 1024,
    interfaces: pairs.map((vfNetwork) => ({ vfNetwork, standbyNetwork: vfNetwork })),
    excluded: new Map(),
  };
}

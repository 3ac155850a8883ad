/**
 * Where the VMs of a host can go, all of them together: no VF, no memory is promised twice. Pure.
 *
 * Which VM goes where is a bin-packing problem; it is searched, the VMs that are hardest to place first, as far as
 * {@link searchLimit} goes. The first answer, which is there at once, is the greedy one.
 */

export interface DrainVm {
  readonly name: string;
  readonly memoryKiB: number;
  readonly interfaces: readonly DrainInterface[];
  /** Hosts that are out of the question for this VM, whatever else goes there, each with the reason in words. */
  readonly excluded: ReadonlyMap<string, string>;
}

export interface DrainInterface {
  /** The network of its VF; undefined: it has none. */
  readonly vfNetwork?: string | undefined;
  /** The network of its virtio side; undefined: it has none. */
  readonly standbyNetwork?: string | undefined;
}

export interface DrainDestination {
  readonly name: string;
  readonly freeMemoryKiB: number;
  readonly networks: readonly DrainNetwork[];
}

export interface DrainNetwork {
  readonly name: string;
  /** Whether the host has a bridge for it; `unknown` counts as yes, for the move itself looks again. */
  readonly bridge: boolean | "unknown";
  /** Those that are up, in the order in which the network names them. Networks may share them. */
  readonly physicalFunctions: readonly DrainPf[];
}

export interface DrainPf {
  readonly name: string;
  readonly freeVfs: number;
}

export interface DrainPlan {
  /** In the order in which they are to be made. */
  readonly moves: readonly DrainMove[];
  readonly stuck: readonly StuckVm[];
}

export interface DrainMove {
  readonly vm: string;
  readonly to: string;
  /** The PF of each interface's VF; undefined for one without VF. In the order of the VM's interfaces. */
  readonly physicalFunctions: readonly (string | undefined)[];
}

export interface StuckVm {
  readonly vm: string;
  /** By destination. Empty: there is no destination at all. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** Partial plans that are looked at before the best one so far is taken. */
const searchLimit = 20_000;

/**
 * Plans as many moves as can be. A VM's VFs come from the first PF that has one free, in its network's order, which is how
 * the move itself chooses.
 */
export function planDrain(vms: readonly DrainVm[], destinations: readonly DrainDestination[]): DrainPlan {
  const whole = destinations.map(capacityOf);
  const hasChoice = (vm: DrainVm) => choicesOf(vm, whole) > 0;
  const order = vms.filter(hasChoice).toSorted(hardestFirst(whole));
  let best: readonly DrainMove[] = [];
  let looked = 0;

  /** Goes on from a partial plan that has decided on the first `index` VMs. True: there is no need to look further. */
  const search = (index: number, capacities: readonly Capacity[], moves: readonly DrainMove[]): boolean => {
    looked += 1;
    if (moves.length > best.length) best = moves;
    const vm = order[index];
    if (vm === undefined) return best.length === order.length;
    // Even if all the rest found a place, it would be no better.
    if (moves.length + order.length - index <= best.length) return false;
    for (const capacity of capacities.toSorted((a, b) => b.memoryKiB - a.memoryKiB)) {
      const fit = place(vm, capacity);
      if (typeof fit === "string") continue;
      const move = { vm: vm.name, to: capacity.host.name, physicalFunctions: fit.physicalFunctions };
      const rest = capacities.map((each) => (each === capacity ? fit.rest : each));
      if (search(index + 1, rest, [...moves, move]) || looked >= searchLimit) return true;
    }
    return search(index + 1, capacities, moves);
  };
  search(0, whole, []);

  const left = best.reduce<readonly Capacity[]>((capacities, move) => {
    const vm = vms.find(({ name }) => name === move.vm);
    return capacities.map((capacity) => {
      const fit = vm === undefined || capacity.host.name !== move.to ? "" : place(vm, capacity);
      return typeof fit === "string" ? capacity : fit.rest;
    });
  }, whole);
  return {
    moves: best,
    stuck: vms
      .filter(({ name }) => !best.some(({ vm }) => vm === name))
      .map((vm) => ({ vm: vm.name, reasons: reasonsFor(vm, whole, left) })),
  };
}

/** What is left of a host. */
interface Capacity {
  readonly host: DrainDestination;
  readonly memoryKiB: number;
  /** Free VFs by PF. */
  readonly vfs: ReadonlyMap<string, number>;
}

function capacityOf(host: DrainDestination): Capacity {
  const functions = host.networks.flatMap(({ physicalFunctions }) => physicalFunctions);
  return { host, memoryKiB: host.freeMemoryKiB, vfs: new Map(functions.map(({ name, freeVfs }) => [name, freeVfs])) };
}

/** The VM put onto the host, or why it can't be. */
function place(
  vm: DrainVm,
  { host, memoryKiB, vfs }: Capacity,
): { rest: Capacity; physicalFunctions: readonly (string | undefined)[] } | string {
  const excluded = vm.excluded.get(host.name);
  if (excluded !== undefined) return excluded;
  if (memoryKiB < vm.memoryKiB) return `${mebibytes(memoryKiB)} MiB of memory free, ${mebibytes(vm.memoryKiB)} needed`;
  const free = new Map(vfs);
  const physicalFunctions: (string | undefined)[] = [];
  for (const { vfNetwork, standbyNetwork } of vm.interfaces) {
    if (standbyNetwork !== undefined && !hasBridge(host, standbyNetwork))
      return `no bridge for network "${standbyNetwork}"`;
    if (vfNetwork === undefined) {
      physicalFunctions.push(undefined);
      continue;
    }
    const pf = functionsOf(host, vfNetwork).find(({ name }) => (free.get(name) ?? 0) > 0);
    if (pf === undefined) return `too few free VFs of network "${vfNetwork}"`;
    free.set(pf.name, (free.get(pf.name) ?? 0) - 1);
    physicalFunctions.push(pf.name);
  }
  return { rest: { host, memoryKiB: memoryKiB - vm.memoryKiB, vfs: free }, physicalFunctions };
}

/** Why the VM has no place: what forbids the host at all, or else what the others of the plan have left too little of. */
function reasonsFor(vm: DrainVm, whole: readonly Capacity[], left: readonly Capacity[]): ReadonlyMap<string, string> {
  return new Map(
    whole.map((capacity, index) => {
      const alone = place(vm, capacity);
      if (typeof alone === "string") return [capacity.host.name, alone];
      const rest = left[index];
      const beside = rest === undefined ? "" : place(vm, rest);
      return [
        capacity.host.name,
        `room for it alone, but not beside the others that go there${typeof beside === "string" ? `: ${beside}` : ""}`,
      ];
    }),
  );
}

/** Fewest destinations first, then most VFs, then most memory; by name where all is equal, so that a plan is repeatable. */
function hardestFirst(capacities: readonly Capacity[]): (a: DrainVm, b: DrainVm) => number {
  const vfs = ({ interfaces }: DrainVm) => interfaces.filter(({ vfNetwork }) => vfNetwork !== undefined).length;
  return (a, b) =>
    choicesOf(a, capacities) - choicesOf(b, capacities) ||
    vfs(b) - vfs(a) ||
    b.memoryKiB - a.memoryKiB ||
    (a.name < b.name ? -1 : 1);
}

function choicesOf(vm: DrainVm, capacities: readonly Capacity[]): number {
  return capacities.filter((capacity) => typeof place(vm, capacity) !== "string").length;
}

function hasBridge({ networks }: DrainDestination, network: string): boolean {
  return networks.some(({ name, bridge }) => name === network && bridge !== false);
}

function functionsOf({ networks }: DrainDestination, network: string): readonly DrainPf[] {
  return networks.find(({ name }) => name === network)?.physicalFunctions ?? [];
}

function mebibytes(kibibytes: number): number {
  return Math.ceil(kibibytes / 1024);
}

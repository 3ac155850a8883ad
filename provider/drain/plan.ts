/**
 * Where VMs can go, all of them together: no VF and no memory is reserved twice. Pure.
 *
 * Which VM goes where is a bin-packing problem. The first answer is the greedy one: the VMs that are hardest to place
 * first, each to the host that has the most memory left. Its time grows with the number of VMs, not faster. Only where it
 * leaves a VM behind, a better one is searched, as far as {@link searchLimit} goes.
 */
import { matchVfs, spelledSize } from "../rules/index.js";
import { mebibytesFor, mebibytesIn } from "../rules/wording.js";

export interface DrainVm {
  readonly name: string;
  /** Of ordinary pages. */
  readonly memoryKiB: number;
  /** Whether it goes to a host that has too little of them. Default: false. */
  readonly ignoresMemory?: boolean;
  /** What it needs of huge pages, by their size. Default: none. */
  readonly hugepages?: readonly DrainHugepages[];
  readonly interfaces: readonly DrainInterface[];
  /** Hosts that are out of the question for this VM, whatever else goes there, each with the reason in words. */
  readonly excluded: ReadonlyMap<string, string>;
}

export interface DrainHugepages {
  readonly sizeKiB: number;
  readonly count: number;
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
  /** Free ones, of the sizes that are known. Default: of none. */
  readonly hugepages?: readonly DrainHugepages[];
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

/** VMs put onto hosts in the search for a plan, in vain or not, before the best plan so far is taken. */
const searchLimit = 200_000;
/** With more VMs than these no better plan is searched: what the search can change of it is next to nothing. */
const searchableVms = 1_000;

/**
 * Plans as many moves as can be. The PFs of a VM's VFs are those that the move itself will choose (see matchVfs).
 */
export function planDrain(vms: readonly DrainVm[], destinations: readonly DrainDestination[]): DrainPlan {
  const whole = destinations.map(roomOf);
  const order = hardestFirst(vms, whole);
  const rooms = new Rooms(destinations.map(roomOf));
  const greedy = order.flatMap((vm) => rooms.settle(vm) ?? []);
  const moves =
    greedy.length === order.length || order.length > searchableVms
      ? greedy
      : searched(order, new Rooms(destinations.map(roomOf)), greedy);

  const placed = new Map(moves.map((move) => [move.vm, move]));
  const left = leftBy(moves, vms, destinations);
  return {
    moves,
    stuck: vms
      .filter(({ name }) => !placed.has(name))
      .map((vm) => ({ vm: vm.name, reasons: reasonsFor(vm, whole, left) })),
  };
}

/** The facts of a second try: only the VMs of the first that are left, each without the host that it has failed to get to. */
export function elsewhere(vms: readonly DrainVm[], failed: ReadonlyMap<string, string>): readonly DrainVm[] {
  return vms.flatMap((vm) => {
    const tried = failed.get(vm.name);
    if (tried === undefined) return [];
    return { ...vm, excluded: new Map([...vm.excluded, [tried, "a move to it has just failed"]]) };
  });
}

/** A host, and what is left of it. */
interface Room {
  readonly name: string;
  memoryKiB: number;
  /** Free huge pages by their size. */
  readonly hugepages: Map<number, number>;
  /** Free VFs by PF. */
  readonly vfs: Map<string, number>;
  readonly networks: ReadonlyMap<string, { readonly bridge: boolean; readonly physicalFunctions: readonly string[] }>;
}

function roomOf({ name, freeMemoryKiB, hugepages = [], networks }: DrainDestination): Room {
  const functions = networks.flatMap(({ physicalFunctions }) => physicalFunctions);
  return {
    name,
    memoryKiB: freeMemoryKiB,
    hugepages: new Map(hugepages.map(({ sizeKiB, count }) => [sizeKiB, count])),
    vfs: new Map(functions.map((pf) => [pf.name, pf.freeVfs])),
    networks: new Map(
      networks.map((network) => [
        network.name,
        {
          bridge: network.bridge !== false,
          physicalFunctions: network.physicalFunctions.map((pf) => pf.name),
        },
      ]),
    ),
  };
}

/** The PFs that the VM's interfaces get on the host, or why it can't go there. */
function fit(vm: DrainVm, room: Room): DrainMove["physicalFunctions"] | string {
  const excluded = vm.excluded.get(room.name);
  if (excluded !== undefined) return excluded;
  if (vm.ignoresMemory !== true && room.memoryKiB < vm.memoryKiB)
    return `${mebibytesIn(room.memoryKiB)} MiB of free memory, ${mebibytesFor(vm.memoryKiB)} MiB needed`;
  const lacking = vm.hugepages?.find(({ sizeKiB, count }) => (room.hugepages.get(sizeKiB) ?? Infinity) < count);
  if (lacking !== undefined)
    return `${room.hugepages.get(lacking.sizeKiB) ?? 0} free huge pages of ${spelledSize(lacking.sizeKiB)}, ${lacking.count} needed`;
  return served(vm.interfaces, room);
}

function served(
  interfaces: readonly DrainInterface[],
  { networks, vfs }: Room,
): DrainMove["physicalFunctions"] | string {
  const bridgeless = interfaces.find(
    ({ standbyNetwork }) => standbyNetwork !== undefined && networks.get(standbyNetwork)?.bridge !== true,
  );
  if (bridgeless !== undefined) return `no bridge for network "${bridgeless.standbyNetwork ?? ""}"`;
  const given = matchVfs(
    interfaces.map(({ vfNetwork }) => networks.get(vfNetwork ?? "")?.physicalFunctions ?? []),
    (name) => vfs.get(name) ?? 0,
  );
  const unserved = interfaces.find(({ vfNetwork }, index) => vfNetwork !== undefined && given[index] === undefined);
  return unserved === undefined ? given : `too few free VFs of network "${unserved.vfNetwork ?? ""}"`;
}

/** Takes what the VM needs from the host (`1`), or gives it back (`-1`). */
function take(
  room: Room,
  { memoryKiB, hugepages = [] }: DrainVm,
  functions: DrainMove["physicalFunctions"],
  times: 1 | -1,
): void {
  room.memoryKiB -= times * memoryKiB;
  for (const { sizeKiB, count } of hugepages) {
    const free = room.hugepages.get(sizeKiB);
    if (free !== undefined) room.hugepages.set(sizeKiB, free - times * count);
  }
  for (const name of functions) if (name !== undefined) room.vfs.set(name, (room.vfs.get(name) ?? 0) - times);
}

/** Hosts, that with the most memory left first; of equals, in the order in which they were given. */
class Rooms {
  private readonly rank: ReadonlyMap<Room, number>;
  private readonly sorted: Room[];

  constructor(rooms: readonly Room[]) {
    this.rank = new Map(rooms.map((room, index) => [room, index]));
    this.sorted = rooms.toSorted((a, b) => this.compare(a, b));
  }

  get count(): number {
    return this.sorted.length;
  }

  /** Puts the VM onto the first host that it fits on. */
  settle(vm: DrainVm): DrainMove | undefined {
    for (const index of this.sorted.keys()) {
      const settled = this.settleOn(index, vm);
      if (settled !== undefined) return settled.move;
    }
    return undefined;
  }

  /** Puts the VM onto the host at that place, if it fits. */
  settleOn(index: number, vm: DrainVm): { readonly move: DrainMove; readonly undo: () => void } | undefined {
    const room = this.sorted[index];
    const functions = room === undefined ? "" : fit(vm, room);
    if (room === undefined || typeof functions === "string") return undefined;
    const change = (from: number, times: 1 | -1): number => {
      this.sorted.splice(from, 1);
      take(room, vm, functions, times);
      const to = this.placeOf(room);
      this.sorted.splice(to, 0, room);
      return to;
    };
    const now = change(index, 1);
    return { move: { vm: vm.name, to: room.name, physicalFunctions: functions }, undo: () => void change(now, -1) };
  }

  private placeOf(room: Room): number {
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.sorted[middle];
      if (other !== undefined && this.compare(other, room) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private compare(a: Room, b: Room): number {
    return b.memoryKiB - a.memoryKiB || (this.rank.get(a) ?? 0) - (this.rank.get(b) ?? 0);
  }
}

/** The best plan that is found within the limit: depth first, each VM on every host and on none. */
function searched(order: readonly DrainVm[], rooms: Rooms, greedy: readonly DrainMove[]): readonly DrainMove[] {
  let best = greedy;
  let looked = 0;
  const moves: DrainMove[] = [];

  /** Goes on from a partial plan that has decided on the first `index` VMs. True: there is no need to look further. */
  const search = (index: number): boolean => {
    if (moves.length > best.length) best = [...moves];
    const vm = order[index];
    if (vm === undefined) return best.length === order.length;
    // Even if all the rest found a place, it would be no better.
    if (moves.length + order.length - index <= best.length) return false;
    for (let place = 0; place < rooms.count; place++) {
      if (++looked > searchLimit) return true;
      const settled = rooms.settleOn(place, vm);
      if (settled === undefined) continue;
      moves.push(settled.move);
      const enough = search(index + 1);
      moves.pop();
      settled.undo();
      if (enough) return true;
    }
    return search(index + 1);
  };
  search(0);
  return best;
}

/** What the moves leave of the hosts, in the hosts' order. */
function leftBy(
  moves: readonly DrainMove[],
  vms: readonly DrainVm[],
  destinations: readonly DrainDestination[],
): readonly Room[] {
  const left = destinations.map(roomOf);
  const rooms = new Map(left.map((room) => [room.name, room]));
  const named = new Map(vms.map((vm) => [vm.name, vm]));
  for (const { vm: name, to, physicalFunctions } of moves) {
    const [room, vm] = [rooms.get(to), named.get(name)];
    if (room !== undefined && vm !== undefined) take(room, vm, physicalFunctions, 1);
  }
  return left;
}

/** Why the VM has no place: what forbids the host at all, or else what the others of the plan have left too little of. */
function reasonsFor(vm: DrainVm, whole: readonly Room[], left: readonly Room[]): ReadonlyMap<string, string> {
  return new Map(
    whole.map((room, index) => {
      const alone = fit(vm, room);
      if (typeof alone === "string") return [room.name, alone];
      const rest = left[index];
      const beside = rest === undefined ? "" : fit(vm, rest);
      return [
        room.name,
        `insufficient capacity together with the other planned moves${typeof beside === "string" ? `: ${beside}` : ""}`,
      ];
    }),
  );
}

/**
 * The VMs that have a choice at all: fewest destinations first, then most VFs, then most memory; by name where all is
 * equal, so that a plan is repeatable.
 */
function hardestFirst(vms: readonly DrainVm[], rooms: readonly Room[]): readonly DrainVm[] {
  const choicesOf = choicesOn(rooms);
  return vms
    .map((vm) => ({
      vm,
      choices: choicesOf(vm),
      vfs: vm.interfaces.filter(({ vfNetwork }) => vfNetwork !== undefined).length,
    }))
    .filter(({ choices }) => choices > 0)
    .toSorted(
      (a, b) =>
        a.choices - b.choices || b.vfs - a.vfs || b.vm.memoryKiB - a.vm.memoryKiB || (a.vm.name < b.vm.name ? -1 : 1),
    )
    .map(({ vm }) => vm);
}

/**
 * How many hosts could take a VM if it were the only one. Most VMs have the same networks as others: which hosts serve
 * those is looked at once, and the memory by halving.
 */
function choicesOn(rooms: readonly Room[]): (vm: DrainVm) => number {
  const serving = new Map<string, { readonly named: ReadonlyMap<string, Room>; readonly memory: readonly number[] }>();
  const servingRooms = ({ interfaces }: DrainVm) => {
    const key = JSON.stringify(interfaces.map(({ vfNetwork, standbyNetwork }) => [vfNetwork, standbyNetwork]));
    const known = serving.get(key);
    if (known !== undefined) return known;
    const fitting = rooms.filter((room) => typeof served(interfaces, room) !== "string");
    const found = {
      named: new Map(fitting.map((room) => [room.name, room])),
      memory: fitting.map(({ memoryKiB }) => memoryKiB).toSorted((a, b) => a - b),
    };
    serving.set(key, found);
    return found;
  };
  return (vm) => {
    const { named, memory } = servingRooms(vm);
    const needed = vm.ignoresMemory === true ? -Infinity : vm.memoryKiB;
    const excluded = [...vm.excluded.keys()].filter(
      (name) => (named.get(name)?.memoryKiB ?? -Infinity) >= needed && named.has(name),
    );
    return memory.length - countBelow(memory, needed) - excluded.length;
  };
}

/** How many of the numbers, which ascend, are less than the limit. */
function countBelow(ascending: readonly number[], limit: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Infinity) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

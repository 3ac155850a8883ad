/** A move as it takes its time, and as it fails: the steps of provider/migration/steps.ts, without the hosts. */
import type { QueuedMove } from "../../provider/drain/queue.js";
import type { Chance } from "./chance.js";
import type { VirtualClock } from "./clock.js";
import type { SimulatedCluster } from "./cluster.js";
import type { Links } from "./links.js";

export interface MoveWorld {
  readonly cluster: SimulatedCluster;
  readonly clock: VirtualClock;
  readonly links: Links;
  readonly chance: Chance;
  /** Of a move; half of those that fail have a guest that keeps its VF, half break off in the migration. */
  readonly failureRate: number;
}

export interface Moved {
  readonly vm: string;
  readonly to: string;
  readonly outcome: "moved" | "refused" | "failed-on-source";
}

/** Seconds, as the lab and libvirt's defaults have them. */
const takes = {
  preflight: [0.2, 0.6],
  /** The journal settles for 150 ms, and is written and read around that. */
  journal: [0.2, 0.3],
  reserve: [0.05, 0.2],
  unplug: [0.3, 3],
  /** The default of unplugTimeout. */
  unplugTimeout: [30, 30],
  switchOver: [0.1, 0.3],
  plug: [1, 4],
  release: [0.1, 0.3],
} as const;

/** Memory that a guest writes again while it is sent, as a part of all that it has. */
const rewritten = [0, 0.4] as const;

export async function simulatedMove(
  { cluster, clock, links, chance, failureRate }: MoveWorld,
  { vm: name, from, to }: QueuedMove & { readonly vm: string },
  reserved: () => void,
): Promise<Moved> {
  const [vm, source, destination] = [cluster.vm(name), cluster.host(from), cluster.host(to)];
  const phase = (seconds: readonly [number, number]) => clock.sleep(chance.between(...seconds));
  const fails = chance.happens(failureRate) ? (chance.happens(0.5) ? "unplug" : "migrate") : undefined;
  source.begin("outgoing");
  destination.begin("incoming");
  try {
    await phase(takes.preflight);
    const functions = destination.choose(vm.pairs);
    if (functions === undefined) return { vm: name, to, outcome: "refused" };
    await phase(takes.journal);
    await phase(takes.reserve);
    destination.takeVfs(functions);
    destination.takeMemory(vm.memoryMiB);
    reserved();

    const takeBack = async (): Promise<Moved> => {
      await phase(takes.plug);
      destination.takeVfs(functions, -1);
      destination.takeMemory(-vm.memoryMiB);
      return { vm: name, to, outcome: "failed-on-source" };
    };
    await phase(fails === "unplug" ? takes.unplugTimeout : takes.unplug);
    if (fails === "unplug") return await takeBack();
    const sent = vm.memoryMiB * (1 + chance.between(...rewritten));
    await links.carry(from, to, fails === "migrate" ? sent * chance.next() : sent);
    if (fails === "migrate") return await takeBack();
    await phase(takes.switchOver);

    cluster.switchOver(vm, destination);
    source.takeVfs(vm.functions, -1);
    source.takeMemory(-vm.memoryMiB);
    vm.functions = functions;
    await phase(takes.plug);
    await phase(takes.release);
    return { vm: name, to, outcome: "moved" };
  } finally {
    source.end("outgoing");
    destination.end("incoming");
  }
}

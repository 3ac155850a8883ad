/** What a move would do, and whether it can: looked at before anything changes, at preview as well as before the move. */
import { randomUUID } from "node:crypto";
import { systemClock } from "../model/clock.js";
import { ProblemError } from "../model/problem.js";
import {
  estimates,
  evaluate,
  placementRules,
  problemOf,
  settingAside,
  teamingRules,
  type PlacementFacts,
  type Violation,
} from "../rules/index.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { primaryAliasOf } from "../backends/libvirt/xml/interface-record.js";
import type { PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { noDriver } from "../backends/libvirt/xml/vf-drivers.js";
import type { LibvirtCluster, DomainInstance, VmRef } from "../backends/libvirt/cluster.js";
import { vfAt } from "../backends/libvirt/inventory.js";
import { recordsOf } from "../backends/libvirt/interfaces.js";
import { driverToReturn } from "../backends/libvirt/vf-drivers.js";
import { chooseVfs } from "../backends/libvirt/vf-scheduler.js";
import type { NetworksOfNics, PlannedBridge } from "./bridges.js";
import type { HostFactsCache } from "./host-facts-cache.js";
import { factsTowards, gatherFacts, lookAtVm, type Gathered, type WhileLooking } from "./facts.js";
import type { PairOnNetwork } from "./pair-networks.js";
import { journalIn } from "./journal-store.js";
import type { Journal, JournalInterface } from "./journal.js";
import { moverInWords, ownerStatus, thisMover } from "./mover.js";
import { defaultMigrationOptions, type MigrationOptions } from "./options.js";
import { teamingFacts } from "./teaming-facts.js";
import { unpluggingFor, type Unplugging } from "./unplugging.js";

export interface MovePlan {
  readonly vm: string;
  readonly from: string | undefined;
  readonly to: string;
  /** The VM is there already: nothing would be done. */
  readonly alreadyThere: boolean;
  readonly findings: readonly Violation[];
  /** The pairs that would move, each with the VF that it would get; undefined: none is free. */
  readonly interfaces: readonly PlannedInterface[];
  /** A move that was interrupted, or is under way. */
  readonly journal: Journal | undefined;
  readonly instance: DomainInstance | undefined;
  /** As it was looked at. */
  readonly domain?: Domain;
  /** When the VFs leave the guest, and why then. */
  readonly unplug: Unplugging;
  /** Targets of the disks that libvirt would copy to the destination. Absent: none. */
  readonly copiedDisks?: readonly string[];
  /** The NICs whose bridge has another name on the destination. Absent: none. */
  readonly bridges?: readonly PlannedBridge[];
  /** What is recorded of its NICs. Absent: nothing. */
  readonly networksOfNics?: NetworksOfNics;
}

export interface PlannedInterface extends Omit<JournalInterface, "destinationVf"> {
  readonly standbyNetwork: string;
  readonly destinationVf: PciAddress | undefined;
  /** libvirt's names of that VF's netdevs. */
  readonly destinationNetdevs?: readonly string[];
}

export async function planMove(
  cluster: LibvirtCluster,
  vm: VmRef,
  to: string,
  options: MigrationOptions = defaultMigrationOptions,
  seen: WhileLooking = {},
): Promise<MovePlan> {
  return planFrom(to, await gatherFacts(cluster, vm, to, options, seen), cluster.clock.now(), options);
}

/**
 * The plans of one VM's moves to several hosts, in their order. The VM is looked at once.
 * @param asked what the hosts have told already; a drain's VMs share it.
 */
export async function planMoves(
  cluster: LibvirtCluster,
  vm: VmRef,
  hosts: readonly string[],
  asked: HostFactsCache,
  options: MigrationOptions = defaultMigrationOptions,
): Promise<readonly MovePlan[]> {
  const departure = await lookAtVm(cluster, vm, asked, options);
  return Promise.all(
    hosts.map(async (to) =>
      planFrom(to, await factsTowards(cluster, departure, to, asked), cluster.clock.now(), options),
    ),
  );
}

function planFrom(
  to: string,
  { facts, instance, domain, pairs, physicalFunctions, networkTypes, bridges, networksOfNics }: Gathered,
  now: number,
  { unplug }: Pick<MigrationOptions, "unplug">,
): MovePlan {
  const journal = instance && domain && journalIn(domain, instance.dom);
  const alreadyThere = instance?.host.name === to && facts.vm.state === "running";
  const teaming = domain === undefined ? [] : evaluate(teamingRules, teamingFacts(domain, networkTypes));
  const placement = alreadyThere
    ? []
    : settingAside(
        evaluate(placementRules, withMover(facts, journal, now)),
        estimates.filter((id) => facts.ignoredRules?.includes(id)),
      );
  const moving = movingInterfaces(pairs);
  const chosen = chooseVfs(moving.map(({ network }) => physicalFunctions.get(network) ?? []));
  const interfaces = moving.map((nic, index) => {
    const destinationVf = chosen[index]?.address;
    const there = vfAt(physicalFunctions.get(nic.network) ?? [], destinationVf);
    return {
      ...nic,
      destinationVf,
      ...(instance !== undefined && domain !== undefined && { sourceDriver: sourceDriver(instance, domain, nic) }),
      ...(there !== undefined && { destinationDriver: there.driver ?? noDriver }),
      ...(there?.netdevs !== undefined && { destinationNetdevs: there.netdevs }),
    };
  });
  const { judgement } = facts.vm;
  const copiedDisks = judgement?.verdict === "accepted" ? judgement.copiedDisks : [];
  return {
    vm: facts.vm.name,
    from: instance?.host.name,
    to,
    alreadyThere,
    findings: [...placement, ...teaming],
    interfaces,
    journal,
    instance,
    ...(domain !== undefined && { domain }),
    unplug: unpluggingFor(unplug, facts),
    ...(copiedDisks.length > 0 && { copiedDisks }),
    ...(bridges.length > 0 && { bridges }),
    ...(networksOfNics.size > 0 && { networksOfNics }),
  };
}

/** Those of the pairs whose VF can go to another host. */
export function movingInterfaces(pairs: readonly PairOnNetwork[]): readonly Omit<PlannedInterface, "destinationVf">[] {
  return pairs.flatMap(({ primary, standby, vfNetwork, standbyNetwork = "" }) => {
    // A <hostdev> has no MAC of its own; the guest pairs it by its standby's.
    const mac = primary.mac ?? standby.mac;
    return primary.vf === undefined ||
      primary.alias === undefined ||
      standby.alias === undefined ||
      mac === undefined ||
      vfNetwork === undefined
      ? []
      : {
          mac,
          primaryAlias: primary.alias,
          standbyAlias: standby.alias,
          network: vfNetwork,
          standbyNetwork,
          sourceVf: primary.vf,
          device: primary.raw,
        };
  });
}

/** A move that was interrupted is ended first, and one of another machine waited for: only a process that is known to be at it counts. */
function withMover(facts: PlacementFacts, journal: Journal | undefined, now: number): PlacementFacts {
  if (journal === undefined || ownerStatus(journal, now) !== "at work") return facts;
  return { ...facts, vm: { ...facts.vm, moveBegunBy: moverInWords(journal.mover) } };
}

/** What the VM's VF was bound to before it was taken for the VM. Undefined: not known to have been taken from any. */
function sourceDriver(
  { host }: DomainInstance,
  domain: Domain,
  { primaryAlias, sourceVf }: Pick<JournalInterface, "primaryAlias" | "sourceVf">,
): string | undefined {
  const ofOurs = recordsOf(domain).some(
    (record) => record.adopted === undefined && primaryAliasOf(record) === primaryAlias,
  );
  return driverToReturn(domain, host, sourceVf, { ofOurs });
}

/** Whether the move would be refused: by a rule, or because a VF finds no place. */
export function isRefused({ alreadyThere, findings, instance, interfaces }: MovePlan): boolean {
  if (alreadyThere) return false;
  return (
    errorsOf({ findings }).length > 0 ||
    instance === undefined ||
    interfaces.some(({ destinationVf }) => destinationVf === undefined)
  );
}

export function errorsOf(plan: Pick<MovePlan, "findings">): readonly Violation[] {
  return plan.findings.filter(({ severity }) => severity === "error");
}

export function warningsOf(plan: Pick<MovePlan, "findings">): readonly Violation[] {
  return plan.findings.filter(({ severity }) => severity === "warning");
}

/** The move was refused, and nothing has changed. */
export class MoveRefused extends ProblemError {
  override readonly name = "MoveRefused";
  constructor(
    vm: string,
    to: string,
    readonly findings: readonly Violation[],
  ) {
    const [first, ...others] = findings;
    const what = `Unable to move VM "${vm}" to "${to}"`;
    const reasons = findings.map(({ message, remedy }) => `\n  ${message} ${remedy}`);
    super(
      {
        code: first === undefined ? "move-refused" : problemOf(first).code,
        what: others.length === 0 ? what : `${what}:${reasons.join("")}`,
        state: "Nothing was changed.",
      },
      first === undefined || others.length > 0 ? {} : { cause: new ProblemError(problemOf(first)) },
    );
  }
}

/** The journal of a move that is about to begin, by that command. @throws MoveRefused when an interface has no VF to go to. */
export function beginJournal(plan: MovePlan, from: string, command?: string): Journal {
  const now = (plan.instance?.host.clock ?? systemClock).now();
  const interfaces = plan.interfaces.map(({ destinationVf, standbyNetwork: _, destinationNetdevs: __, ...nic }) => {
    if (destinationVf === undefined) {
      throw new MoveRefused(plan.vm, plan.to, noFreeVf(plan, nic));
    }
    return { ...nic, destinationVf };
  });
  return {
    id: randomUUID(),
    holder: randomUUID(),
    ...(plan.instance !== undefined && { uuid: plan.instance.dom.uuid }),
    from,
    to: plan.to,
    unplug: plan.unplug.when,
    step: "journal",
    mover: { ...thisMover(), ...(command !== undefined && { command }) },
    started: now,
    until: now,
    interfaces,
  };
}

/** What the rule says of a VF that the scheduler has found no place for. */
function noFreeVf(
  { vm, to }: Pick<MovePlan, "vm" | "to">,
  { primaryAlias: name, network }: Pick<JournalInterface, "primaryAlias" | "network">,
): readonly Violation[] {
  return evaluate(
    placementRules.filter(({ id }) => id === "move-free-vfs"),
    {
      vm: { name: vm, interfaces: [{ name, vfNetwork: network }] },
      destination: { name: to, networks: [{ name: network, physicalFunctions: [{ name: "", freeVfs: 0 }] }] },
    },
  );
}

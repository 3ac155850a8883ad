/** Which way an interrupted move is to be ended, by what runs where. Pure. */
import { ProblemError } from "../model/problem.js";
import { isActive, isIncoming, VmOnSeveralHosts, type DomainInstance } from "../backends/libvirt/cluster.js";
import { DomainState, PausedReason } from "../backends/libvirt/constants.js";
import { HostRefused, type HostUnreachable } from "../backends/libvirt/host-errors.js";
import type { Journal } from "./journal.js";
import { stepsBefore } from "./step-table.js";
import { shellWord } from "../model/shell-word.js";

export interface Situation {
  readonly vm: string;
  readonly journal: Journal;
  /** Of this VM: no namesake is among them. */
  readonly instances: readonly DomainInstance[];
  /** Hosts that did not answer, or that the configuration does not have. */
  readonly unreachable: readonly HostUnreachable[];
  /** Of those the one of which a person says that it is switched off. */
  readonly dead?: string | undefined;
  /** Whether a domain that does not run carries the journal too: it then was the VM. */
  readonly tookOver: boolean;
}

export type Verdict =
  /** The VM is on the destination. */
  | { readonly way: "forward"; readonly home: DomainInstance; readonly leftover: DomainInstance | undefined }
  /**
   * The VM is on the source. `copy` waits on the destination for a source that is there, and is to be ended. `reset`: what
   * the VM has in memory may be older than its disks.
   */
  | {
      readonly way: "back";
      readonly home: DomainInstance;
      readonly copy: DomainInstance | undefined;
      readonly reset: boolean;
    }
  /** It was moved on to a third host. */
  | { readonly way: "overtaken"; readonly home: DomainInstance };

/** Steps in which the VM has never left the source. */
const beforeMigration: readonly string[] = stepsBefore("migrate");

/**
 * @throws VmOnSeveralHosts where it runs twice; ProblemError `vm-stopped-there` where it is on the destination and its CPUs
 *   stand, `host-fate-unknown` where a person has to say that a host is dead; HostUnreachable where none of this can be told.
 */
export function verdictOf(situation: Situation): Verdict {
  const { vm, journal, instances, dead, tookOver } = situation;
  const there = instances.find(({ host }) => host.name === journal.to);
  const here = instances.find(({ host }) => host.name === journal.from);
  const unreachableOf = (name: string) => situation.unreachable.find(({ host }) => host === name);
  const third = instances.find((each) => isActive(each) && each !== here && each !== there);
  if (third !== undefined) {
    const live = instances.filter(isActive);
    if (live.length > 1) throw severalActive(vm, live);
    return { way: "overtaken", home: third };
  }
  const back = (home: DomainInstance, more: { copy?: DomainInstance; reset?: boolean } = {}): Verdict => ({
    way: "back",
    home,
    copy: more.copy,
    reset: more.reset ?? false,
  });

  if (there?.state === DomainState.RUNNING) {
    // The source was perhaps never told: its stopped copy cannot run by itself, and must not come back to life.
    if (here !== undefined && isActive(here) && !isStoppedCopy(here)) throw severalActive(vm, [here, there]);
    return { way: "forward", home: there, leftover: here };
  }
  if (there !== undefined && isActive(there)) {
    // Only a copy that still waits for a source that is there may be ended: any other may be all that is left of the VM.
    if (isIncoming(there) && here !== undefined && isActive(here)) return back(here, { copy: there });
    throw stoppedThere(vm, there);
  }
  const runsHere = here?.state === DomainState.RUNNING;
  if (here !== undefined && (runsHere || beforeMigration.includes(journal.step))) return back(here);
  // The destination had it, and it has ended there.
  if (there !== undefined && tookOver) return { way: "forward", home: there, leftover: here };
  if (here !== undefined) {
    const unreachable = unreachableOf(journal.to);
    if (unreachable === undefined) return back(here);
    if (dead !== journal.to) throw fateUnknown(situation, here, unreachable);
    return back(here, { reset: isActive(here) });
  }
  const unreachable = unreachableOf(journal.from) ?? unreachableOf(journal.to);
  if (unreachable !== undefined) throw unreachable;
  // A definition that has stayed somewhere.
  const [home] = instances;
  if (home === undefined) throw new Error("a journal without a domain");
  return back(home);
}

/** One that does not run may be a copy of another tool's migration, which ends it. */
function severalActive(vm: string, instances: readonly DomainInstance[]): VmOnSeveralHosts {
  return runsTwice(vm, instances) ?? new VmOnSeveralHosts(vm, instances);
}

/** No recovery can tell which of those that run is the VM. Undefined: no more than one does. */
export function runsTwice(vm: string, instances: readonly DomainInstance[]): VmOnSeveralHosts | undefined {
  const running = instances.filter(({ state }) => state === DomainState.RUNNING);
  if (running.length < 2) return undefined;
  return new VmOnSeveralHosts(
    vm,
    running,
    `Two running copies corrupt the VM's disks. Keep one: run \`virsh destroy ${shellWord(vm)}\` on the other host, which loses what that copy has in memory, then \`vnic-failover recover ${shellWord(vm)}\`.`,
  );
}

/** Paused by its migration, not by a person. */
function isStoppedCopy({ state, reason }: DomainInstance): boolean {
  return state === DomainState.PAUSED && reason !== PausedReason.USER;
}

function fateUnknown({ vm }: Situation, here: DomainInstance, unreachable: HostUnreachable): ProblemError {
  const { host } = unreachable;
  // It is up: what it has of the VM can be known, and need not be guessed.
  if (unreachable instanceof HostRefused) {
    const remedy = unreachable.problem.remedy === undefined ? "" : `${unreachable.problem.remedy} `;
    return new ProblemError(
      {
        code: "host-fate-unknown",
        what: `Unable to recover VM "${vm}": it is not running on "${here.host.name}", and "${host}", where it may run, cannot be asked`,
        where: host,
        state: "Nothing was changed.",
        remedy: `${remedy}Then run \`vnic-failover recover ${shellWord(vm)}\`.`,
      },
      { cause: unreachable, remedyFirst: true },
    );
  }
  const [state, then, harm] = isActive(here)
    ? ["stopped", "the VM then boots from its disks", "that"]
    : ["shut off", "the VM can then be started from its disks", "starting it"];
  return new ProblemError(
    {
      code: "host-fate-unknown",
      what: `Unable to recover VM "${vm}": it is ${state} on "${here.host.name}", and "${host}", where it may run, does not answer`,
      where: host,
      state: "Nothing was changed.",
      remedy: `Run \`vnic-failover recover ${shellWord(vm)}\` once "${host}" answers. If that host is switched off, run \`vnic-failover recover ${shellWord(vm)} --host-is-dead ${host}\`: ${then} on "${here.host.name}". If it still runs on "${host}", ${harm} corrupts its disks.`,
    },
    { cause: unreachable, causeIsTold: true, remedyFirst: true },
  );
}

function stoppedThere(vm: string, { host }: DomainInstance): ProblemError {
  return new ProblemError({
    code: "vm-stopped-there",
    what: `Unable to recover VM "${vm}": it is on "${host.name}" but is not running`,
    where: host.name,
    state: "Nothing was changed.",
    remedy: `Resume it (\`virsh resume ${shellWord(vm)}\`, or \`virsh dompmwakeup ${shellWord(vm)}\`), then run \`vnic-failover recover ${shellWord(vm)}\`. If that is not possible, stop it there first (\`virsh destroy ${shellWord(vm)}\`), which loses the contents of its memory.`,
  });
}

/** Which way an interrupted move is to be ended, by what runs where. Pure. */
import { ProblemError } from "../model/problem.js";
import { isActive, isIncoming, VmOnSeveralHosts, type Presence } from "../backends/libvirt/cluster.js";
import { DomainState, PausedReason } from "../backends/libvirt/constants.js";
import type { HostUnreachable } from "../backends/libvirt/host.js";
import type { Journal } from "./journal.js";
import { stepsBefore } from "./step-table.js";
import { shellWord } from "../model/shell-word.js";

export interface Situation {
  readonly vm: string;
  readonly journal: Journal;
  /** Of this VM: no namesake is among them. */
  readonly presences: readonly Presence[];
  /** Hosts that did not answer, or that the configuration does not have. */
  readonly unreachable: readonly HostUnreachable[];
  /** Of those the one of which a person says that it is switched off. */
  readonly dead?: string | undefined;
  /** Whether a domain that does not run carries the journal too: it then was the VM. */
  readonly tookOver: boolean;
}

export type Verdict =
  /** The VM is on the destination. */
  | { readonly way: "forward"; readonly home: Presence; readonly leftover: Presence | undefined }
  /**
   * The VM is on the source. `copy` waits on the destination for a source that is there, and is to be ended. `reset`: what
   * the VM has in memory may be older than its disks.
   */
  | {
      readonly way: "back";
      readonly home: Presence;
      readonly copy: Presence | undefined;
      readonly reset: boolean;
    }
  /** It was moved on to a third host. */
  | { readonly way: "overtaken"; readonly home: Presence };

/** Steps in which the VM has never left the source. */
const beforeMigration: readonly string[] = stepsBefore("migrate");

/**
 * @throws VmOnSeveralHosts where it runs twice; ProblemError `vm-stopped-there` where it is on the destination and its CPUs
 *   stand, `host-fate-unknown` where a person has to say that a host is dead; HostUnreachable where none of this can be told.
 */
export function verdictOf(situation: Situation): Verdict {
  const { vm, journal, presences, dead, tookOver } = situation;
  const there = presences.find(({ host }) => host.name === journal.to);
  const here = presences.find(({ host }) => host.name === journal.from);
  const silenceOf = (name: string) => situation.unreachable.find(({ host }) => host === name);
  const third = presences.find((each) => isActive(each) && each !== here && each !== there);
  if (third !== undefined) {
    const live = presences.filter(isActive);
    if (live.length > 1) throw new VmOnSeveralHosts(vm, live);
    return { way: "overtaken", home: third };
  }
  const back = (home: Presence, more: { copy?: Presence; reset?: boolean } = {}): Verdict => ({
    way: "back",
    home,
    copy: more.copy,
    reset: more.reset ?? false,
  });

  if (there?.state === DomainState.RUNNING) {
    // The source was perhaps never told: its stopped copy cannot run by itself, and must not come back to life.
    if (here !== undefined && isActive(here) && !isStoppedCopy(here)) throw new VmOnSeveralHosts(vm, [here, there]);
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
    const silence = silenceOf(journal.to);
    if (silence === undefined) return back(here);
    if (dead !== journal.to) throw fateUnknown(situation, here, silence);
    return back(here, { reset: isActive(here) });
  }
  const silence = silenceOf(journal.from) ?? silenceOf(journal.to);
  if (silence !== undefined) throw silence;
  // A definition that has stayed somewhere.
  const [home] = presences;
  if (home === undefined) throw new Error("a journal without a domain");
  return back(home);
}

/** Paused by its migration, not by a person. */
function isStoppedCopy({ state, reason }: Presence): boolean {
  return state === DomainState.PAUSED && reason !== PausedReason.USER;
}

function fateUnknown({ vm }: Situation, here: Presence, silence: HostUnreachable): ProblemError {
  const { host } = silence;
  return new ProblemError(
    {
      code: "host-fate-unknown",
      what: `Unable to recover VM "${vm}": it is ${isActive(here) ? "stopped" : "shut off"} on "${here.host.name}", and "${host}", where it may run, does not answer`,
      where: host,
      state: "Nothing was changed.",
      remedy: `Run \`vnic-failover recover ${shellWord(vm)}\` once "${host}" answers. If that host is switched off, run \`vnic-failover recover ${shellWord(vm)} --host-is-dead ${host}\`: the VM then boots from its disks on "${here.host.name}". If it still runs on "${host}", that corrupts its disks.`,
    },
    { cause: silence, causeIsTold: true, remedyFirst: true },
  );
}

function stoppedThere(vm: string, { host }: Presence): ProblemError {
  return new ProblemError({
    code: "vm-stopped-there",
    what: `Unable to recover VM "${vm}": it is on "${host.name}" already, but does not run`,
    where: host.name,
    state: "Nothing was changed.",
    remedy: `Resume it (\`virsh resume ${shellWord(vm)}\`, or \`virsh dompmwakeup ${shellWord(vm)}\`), then run \`vnic-failover recover ${shellWord(vm)}\`. If that is not possible, end it there first (\`virsh destroy ${shellWord(vm)}\`): the contents of its memory are lost.`,
  });
}

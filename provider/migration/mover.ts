/** Who moves a VM, and whether that process is still at it. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { systemClock } from "../model/clock.js";
import { defined } from "../xml/values.js";
import type { Journal, Mover } from "./journal.js";

export type OwnerStatus =
  /** A process of this machine, and it lives. */
  | "at work"
  /** Elsewhere, and its lease has not run out: it may be at work. */
  | "perhaps at work"
  /** It has ended, or its lease has run out: it stops by itself before its next change. */
  | "gone";

/** What another process needs to tell whether this one lives. */
export function thisMover(): Mover {
  return moverOf(process.pid);
}

/** The same of another process of this machine. */
export function moverOf(pid: number): Mover {
  return { machine: hostname(), pid, ...defined({ ...place(), processStart: startOf(pid) }) };
}

export function ownerStatus({ id, mover, until }: MoverTrace, now = systemClock.now()): OwnerStatus {
  if (isHere(mover)) {
    if (startOf(mover.pid) !== mover.processStart) return "gone";
    if (mover.pid === process.pid) return ownMoves.has(id) ? "at work" : "gone";
    // It lives. With its lease run out it is suspended, or has no way to the host.
    return now < until ? "at work" : "gone";
  }
  return now < until ? "perhaps at work" : "gone";
}

/** `vnic-failover drain (process 4242 on ops1)` */
export function moverInWords({ machine, pid, command }: Mover): string {
  const where = `process ${pid} on ${machine}`;
  return command === undefined ? where : `${command} (${where})`;
}

type MoverTrace = Pick<Journal, "id" | "mover" | "until">;

/** The journals of the moves that this process is at: that it lives tells nothing of those that it has given up. */
const ownMoves = new Set<string>();

/** Lets every recovery know that this process is at the move of that journal. */
export async function whileMoving<T>({ id }: Pick<Journal, "id">, move: () => Promise<T>): Promise<T> {
  ownMoves.add(id);
  try {
    return await move();
  } finally {
    ownMoves.delete(id);
  }
}

/**
 * Whether a process number of the mover means the same here. A name of a machine and a number do not tell: containers share
 * both. Without that knowledge only the lease counts.
 */
function isHere({ boot, pidNamespace, processStart }: Mover): boolean {
  const here = place();
  return (
    boot !== undefined &&
    processStart !== undefined &&
    boot === here.boot &&
    pidNamespace !== undefined &&
    pidNamespace === here.pidNamespace
  );
}

function place(): { readonly boot: string | undefined; readonly pidNamespace: string | undefined } {
  return {
    boot: read(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: read(() => readlinkSync("/proc/self/ns/pid")),
  };
}

/** Field 22 of the process's stat (proc_pid_stat(5)); the second, its name, may hold anything. Undefined: there is no such process. */
function startOf(pid: number): string | undefined {
  const fields = read(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
    ?.replace(/^.*\)/s, "")
    .trim()
    .split(" ");
  return fields?.[19];
}

function read(from: () => string): string | undefined {
  try {
    return from();
  } catch {
    return undefined;
  }
}

/** Whether the one who began a move is still at it. */
import { hostname } from "node:os";
import type { Journal } from "./journal.js";

export type MoverStanding =
  /** A process of this machine, and it lives. */
  | "at work"
  /** On another machine, and its own watchdogs have not ended yet: it may be at work. */
  | "perhaps at work"
  /** It is dead, or would have ended by itself. */
  | "gone";

export function moverStanding({ mover, until }: Pick<Journal, "mover" | "until">, now = Date.now()): MoverStanding {
  if (mover.machine === hostname()) return processLives(mover.pid) ? "at work" : "gone";
  return now < until ? "perhaps at work" : "gone";
}

/** Whether this machine has a process of that number, whoever's it is. */
export function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

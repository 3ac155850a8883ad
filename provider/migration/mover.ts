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

export function moverStanding({ id, mover, until }: MoverTrace, now = Date.now()): MoverStanding {
  if (mover.machine !== hostname()) return now < until ? "perhaps at work" : "gone";
  const lives = mover.pid === process.pid ? ownMoves.has(id) : processLives(mover.pid);
  return lives ? "at work" : "gone";
}

type MoverTrace = Pick<Journal, "id" | "mover" | "until">;

/** The journals of the moves that this process is at: that it lives tells nothing of those that it has given up. */
const ownMoves = new Set<string>();

/** Lets everybody know that this process is at the move of that journal. */
export async function whileMoving<T>({ id }: Pick<Journal, "id">, move: () => Promise<T>): Promise<T> {
  ownMoves.add(id);
  try {
    return await move();
  } finally {
    ownMoves.delete(id);
  }
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

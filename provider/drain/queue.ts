/** Many moves at once, no host given more of them than it can bear. Knows nothing of what a move is made of. */

export interface QueuedMove {
  readonly from: string;
  readonly to: string;
}

/** Moves at a time. */
export interface MoveLimits {
  readonly total: number;
  /** Away from one host: they share its network, and each occupies one of libvirt's workers there (max_workers). */
  readonly outgoing: number;
  /** To one host. */
  readonly incoming: number;
}

/** What is under way. */
interface Load {
  total: number;
  readonly outgoing: Map<string, number>;
  readonly incoming: Map<string, number>;
  /** Hosts on which a move is about to choose its VFs. */
  readonly choosing: Set<string>;
}

/**
 * Makes the moves, each as soon as its turn comes: in their order, except that one that has to wait for its host holds up
 * none that goes elsewhere.
 *
 * Of two moves to one host the second begins when the first has reserved its VFs: at the same moment both would choose the
 * same ones.
 *
 * @param make makes one move and says `reserved` when its VFs are; a move that has ended has said so.
 * @returns what each gave, in the order of the moves.
 * @throws what a move threw; first those that are under way come to their end, and no more of them begin.
 */
export function runMoves<M extends QueuedMove, R>(
  moves: readonly M[],
  limits: MoveLimits,
  make: (move: M, reserved: () => void) => Promise<R>,
): Promise<readonly R[]> {
  const load: Load = { total: 0, outgoing: new Map(), incoming: new Map(), choosing: new Set() };
  const waiting = new Map(moves.entries());
  const results = new Map<number, R>();
  const failures: Error[] = [];

  return new Promise((resolve, reject) => {
    const begin = (index: number, move: M): void => {
      waiting.delete(index);
      count(load, move, 1);
      load.choosing.add(move.to);
      let choosing = true;
      const reserved = (): void => {
        if (!choosing) return;
        choosing = false;
        load.choosing.delete(move.to);
        advance();
      };
      make(move, reserved)
        .then(
          (result) => void results.set(index, result),
          (error: unknown) => {
            failures.push(error instanceof Error ? error : new Error(String(error)));
            waiting.clear();
          },
        )
        .finally(() => {
          count(load, move, -1);
          reserved();
          advance();
        });
    };
    const advance = (): void => {
      for (const [index, move] of waiting) {
        if (load.total >= limits.total) return;
        if (mayBegin(move, load, limits)) begin(index, move);
      }
      if (load.total > 0) return;
      const [failure] = failures;
      if (failure === undefined) resolve([...moves.keys()].map((index) => results.get(index) as R));
      else reject(failure);
    };
    advance();
  });
}

function mayBegin({ from, to }: QueuedMove, { outgoing, incoming, choosing }: Load, limits: MoveLimits): boolean {
  return (outgoing.get(from) ?? 0) < limits.outgoing && (incoming.get(to) ?? 0) < limits.incoming && !choosing.has(to);
}

function count(load: Load, { from, to }: QueuedMove, change: 1 | -1): void {
  load.total += change;
  load.outgoing.set(from, (load.outgoing.get(from) ?? 0) + change);
  load.incoming.set(to, (load.incoming.get(to) ?? 0) + change);
}

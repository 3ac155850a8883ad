/**
 * Who is at a VM in this process. The engine runs operations that do not depend on each other side by side: one that moves a VM
 * is alone with it, and all others wait for it, and it for them.
 */

export interface Turn {
  /** Nothing else may be done to the VM meanwhile. */
  readonly alone: boolean;
  /** As others call it that wait for it: `the move of VM "web" by resource "placement"`. */
  readonly name: string;
}

interface Waiting extends Turn {
  readonly over: Promise<void>;
}

export class Turns {
  /** Of each VM those that are at it or wait, in the order in which they came. */
  private readonly queues = new Map<string, readonly Waiting[]>();

  /**
   * Acts when those that came before and may not be at the VM meanwhile are done, whether they failed or not.
   * @param waiting is told whom it waits for.
   * @throws the signal's reason, where that ends the waiting.
   */
  async take<T>(
    vm: string,
    turn: Turn,
    act: () => Promise<T>,
    { waiting, signal }: { waiting?: (forWhom: string) => void; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const before = (this.queues.get(vm) ?? []).filter(({ alone }) => alone || turn.alone);
    let leave: () => void = () => undefined;
    const mine: Waiting = { ...turn, over: new Promise((resolve) => (leave = resolve)) };
    this.queues.set(vm, [...(this.queues.get(vm) ?? []), mine]);
    try {
      for (const other of before) {
        if (!this.isThere(vm, other)) continue;
        waiting?.(other.name);
        await unlessAborted(other.over, signal);
      }
      return await act();
    } finally {
      const rest = (this.queues.get(vm) ?? []).filter((each) => each !== mine);
      if (rest.length === 0) this.queues.delete(vm);
      else this.queues.set(vm, rest);
      leave();
    }
  }

  private isThere(vm: string, other: Waiting): boolean {
    return (this.queues.get(vm) ?? []).includes(other);
  }
}

async function unlessAborted(over: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return over;
  signal.throwIfAborted();
  const done = new AbortController();
  try {
    await Promise.race([
      over,
      new Promise<never>((_, reject) => {
        signal.addEventListener(
          "abort",
          () => reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))),
          { signal: done.signal },
        );
      }),
    ]);
  } finally {
    done.abort();
  }
}

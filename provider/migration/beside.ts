/** What a move does beside its steps: it goes on while they do, and is waited for only where its end must be known. */
export class Beside {
  private readonly tasks = new Map<string, Promise<void>>();

  /** Begins it, once. A failure is told where {@link result} is asked for. */
  start(name: string, act: () => Promise<void>): void {
    if (this.tasks.has(name)) return;
    const task = act();
    task.catch(() => undefined);
    this.tasks.set(name, task);
  }

  /** How it ends; undefined: it was not begun. */
  result(name: string): Promise<void> | undefined {
    return this.tasks.get(name);
  }

  /** Waits for all, and for what they begin. Never rejects. */
  async settle(): Promise<void> {
    for (let waitedFor = 0; waitedFor < this.tasks.size;) {
      waitedFor = this.tasks.size;
      await Promise.allSettled(this.tasks.values());
    }
  }
}

/** All at once; waits for every one, then throws the first failure. */
export async function allSettledOrThrow<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(act));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** One at a time: each waits for the one before it to give its turn back. */
export class Turns {
  private last: Promise<void> = Promise.resolve();

  /** Waits for the turn. The returned function gives it back; calling it again does nothing. */
  async take(): Promise<() => void> {
    const before = this.last;
    let giveBack = (): void => undefined;
    this.last = new Promise((resolve) => {
      giveBack = resolve;
    });
    await before;
    return giveBack;
  }
}

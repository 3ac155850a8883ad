/** Questions that many ask. */

/** Milliseconds: a failure that comes sooner is no reason not to ask again. */
const soon = 1000;

/**
 * Asked once each, and kept. A failure is told to those who wait for it, and for as long again as it took to come: if each
 * of a thousand waited 20 s for a host that is down, it would take hours to say so.
 */
export class AsyncCache<Key, Answer> {
  private readonly answers = new Map<Key, Promise<Answer>>();

  constructor(private readonly ask: (key: Key) => Promise<Answer>) {}

  get(key: Key): Promise<Answer> {
    return this.answers.get(key) ?? this.set(key, this.ask(key));
  }

  set(key: Key, answer: Promise<Answer>): Promise<Answer> {
    const asked = performance.now();
    this.answers.set(key, answer);
    answer.catch(() => {
      const took = performance.now() - asked;
      if (took < soon) this.drop(key, answer);
      else setTimeout(() => this.drop(key, answer), took).unref();
    });
    return answer;
  }

  /** What was answered is not so any more; without a key, nothing of it. */
  forget(key?: Key): void {
    if (key === undefined) this.answers.clear();
    else this.answers.delete(key);
  }

  forgetThose(is: (key: Key) => boolean): void {
    for (const key of this.answers.keys()) if (is(key)) this.answers.delete(key);
  }

  private drop(key: Key, answer: Promise<Answer>): void {
    if (this.answers.get(key) === answer) this.answers.delete(key);
  }
}

/** No answer is older than its question: a caller that asks while one is under way shares the next one with others. */
export class SingleFlight<Key, Answer> {
  private readonly underWay = new Map<Key, Promise<Answer>>();
  private readonly next = new Map<Key, Promise<Answer>>();

  constructor(private readonly ask: (key: Key) => Promise<Answer>) {}

  get(key: Key): Promise<Answer> {
    const current = this.underWay.get(key);
    if (current === undefined) return this.begin(key);
    const next = this.next.get(key) ?? settled(current).then(() => this.begin(key));
    this.next.set(key, next);
    return next;
  }

  private begin(key: Key): Promise<Answer> {
    this.next.delete(key);
    const answer = this.ask(key);
    this.underWay.set(key, answer);
    void settled(answer).then(() => {
      if (this.underWay.get(key) === answer) this.underWay.delete(key);
    });
    return answer;
  }
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => undefined);
}

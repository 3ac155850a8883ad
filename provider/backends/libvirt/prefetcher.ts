/**
 * A caller that asks for a second VM of a host will ask for more, and mostly in the order of their names. So as many again as were
 * asked for are read meanwhile: round trips pass beside each other, not one after another. Never more than that, since a
 * program may know a few VMs among thousands.
 */
import type { DomainRef } from "./host.js";

export class Prefetcher<Host, Answer> {
  private readonly shelves = new Map<Host, HostQueue<Answer>>();

  constructor(private readonly ask: (host: Host, dom: DomainRef) => Promise<Answer>) {}

  /** @param list of the host's domains. */
  read(host: Host, dom: DomainRef, list: readonly DomainRef[]): Promise<Answer> {
    const shelf = this.shelves.get(host) ?? new HostQueue(list, (each) => this.ask(host, each));
    this.shelves.set(host, shelf);
    return shelf.take(dom);
  }

  /** What was read may not be so any more. @param dom the domain of which that is so. Default: each. */
  forget(dom?: Pick<DomainRef, "uuid">): void {
    if (dom === undefined) this.shelves.clear();
    else for (const shelf of this.shelves.values()) shelf.forget(dom);
  }
}

/** Of one host: what was read, and of that what was not asked for yet. */
class HostQueue<Answer> {
  private readonly order: readonly DomainRef[];
  /** One VM may be asked for by its name here and with its UUID there. */
  private readonly taken = new Map<string, Promise<Answer>>();
  private readonly read = new Map<string, Promise<Answer>>();
  private readonly known = new Set<string>();
  private asked = 0;

  constructor(
    list: readonly DomainRef[],
    private readonly ask: (dom: DomainRef) => Promise<Answer>,
  ) {
    this.order = list.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  take(dom: DomainRef): Promise<Answer> {
    const before = this.taken.get(dom.uuid);
    if (before !== undefined) return before;
    const answer = this.read.get(dom.uuid) ?? this.ask(dom);
    this.read.delete(dom.uuid);
    this.taken.set(dom.uuid, answer);
    answer.catch(() => this.taken.delete(dom.uuid));
    this.known.add(dom.uuid);
    this.asked++;
    this.fill(dom);
    return answer;
  }

  forget({ uuid }: Pick<DomainRef, "uuid">): void {
    this.taken.delete(uuid);
    this.read.delete(uuid);
  }

  private fill(after: DomainRef): void {
    const place = this.order.findIndex(({ uuid }) => uuid === after.uuid) + 1;
    for (const next of [...this.order.slice(place), ...this.order.slice(0, place)]) {
      if (this.read.size >= this.asked - 1) return;
      if (this.known.has(next.uuid)) continue;
      this.known.add(next.uuid);
      const answer = this.ask(next);
      // A failure is for the caller that asks for it, if any.
      answer.catch(() => undefined);
      this.read.set(next.uuid, answer);
    }
  }
}

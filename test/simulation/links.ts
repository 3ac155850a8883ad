/** The hosts' links: moves that share one share its bandwidth, evenly. Full duplex; the switch between them is wide enough. */
import type { VirtualClock } from "./clock.js";

interface Flow {
  readonly from: string;
  readonly to: string;
  /** MiB. */
  left: number;
  /** MiB/s. */
  rate: number;
  since: number;
  cancel: () => void;
  readonly arrived: () => void;
}

export class Links {
  /** The most that any link carried at a time, MiB/s. */
  peak = 0;
  private readonly outgoing = new Map<string, Set<Flow>>();
  private readonly incoming = new Map<string, Set<Flow>>();

  /** @param capacity of a host's link, either way, MiB/s. @param perMove the most that one move sends, MiB/s. */
  constructor(
    private readonly clock: VirtualClock,
    private readonly capacity: number,
    private readonly perMove: number,
  ) {}

  /** Resolves when so many MiB have gone over. */
  carry(from: string, to: string, mebibytes: number): Promise<void> {
    return new Promise((resolve) => {
      const flow: Flow = {
        from,
        to,
        left: mebibytes,
        rate: 0,
        since: this.clock.now,
        cancel: () => undefined,
        arrived: () => {
          of(this.outgoing, from).delete(flow);
          of(this.incoming, to).delete(flow);
          this.share(from, to);
          resolve();
        },
      };
      of(this.outgoing, from).add(flow);
      of(this.incoming, to).add(flow);
      this.share(from, to);
    });
  }

  /** The flows of these two hosts get their part again. */
  private share(from: string, to: string): void {
    for (const flow of new Set([...of(this.outgoing, from), ...of(this.incoming, to)])) {
      flow.left -= flow.rate * (this.clock.now - flow.since);
      flow.since = this.clock.now;
      flow.rate = Math.min(
        this.perMove,
        this.capacity / of(this.outgoing, flow.from).size,
        this.capacity / of(this.incoming, flow.to).size,
      );
      flow.cancel();
      flow.cancel = this.clock.schedule(flow.left / flow.rate, flow.arrived);
    }
    for (const flows of [of(this.outgoing, from), of(this.incoming, to)])
      this.peak = Math.max(
        this.peak,
        [...flows].reduce((sum, { rate }) => sum + rate, 0),
      );
  }
}

function of(flows: Map<string, Set<Flow>>, host: string): Set<Flow> {
  const found = flows.get(host) ?? new Set();
  flows.set(host, found);
  return found;
}

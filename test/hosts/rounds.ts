/**
 * Round trips between a client and model hosts, counted without a clock: calls that are on their way at the same time arrive
 * together, in one round. Where each round trip takes so many milliseconds, what is done in n rounds takes n times as many.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import type { LibvirtHostModel } from "./libvirt-host.js";

export interface CountedCall {
  readonly host: string;
  readonly procedure: ProcedureName;
  /** Counted from 1. */
  readonly round: number;
}

/** Turns of the event loop without another call, after which no more are on their way: each looks at every socket once. */
const quietTurns = 25;

export class Rounds {
  /** Every call, in the order in which they arrived. */
  readonly calls: CountedCall[] = [];
  private round = 0;
  private waiting: (() => void)[] = [];
  private gathering = false;

  constructor(hosts: readonly LibvirtHostModel[]) {
    for (const host of hosts) {
      const others = host.onCall;
      host.onCall = async (call) => {
        await this.arrival();
        this.calls.push({ host: host.name, procedure: call.procedure, round: this.round });
        await others(call);
      };
    }
  }

  private arrival(): Promise<void> {
    const arrived = new Promise<void>((resolve) => this.waiting.push(resolve));
    if (!this.gathering) void this.gather();
    return arrived;
  }

  private async gather(): Promise<void> {
    this.gathering = true;
    for (let quiet = 0, seen = 0; quiet < quietTurns; quiet += 1) {
      await turn();
      if (this.waiting.length > seen) quiet = 0;
      seen = this.waiting.length;
    }
    this.gathering = false;
    this.round += 1;
    for (const go of this.waiting.splice(0)) go();
  }
}

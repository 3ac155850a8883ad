/**
 * The lease of a VM that a process moves: the journal in the VM's metadata, with its name in it and a time that it puts off again and again.
 * Before each change on a host it makes sure that the journal is still its own. So a mover that was suspended, or thought
 * dead, and was overtaken meanwhile, stops without a change.
 */
import { ProblemError } from "../model/problem.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import { undefinedOn, type DomainRef, type LibvirtHost } from "../backends/libvirt/host.js";
import { isConnectionLost } from "../backends/libvirt/host-errors.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { readJournal, writeJournal } from "./journal-store.js";
import type { Journal } from "./journal.js";
import { whileMoving } from "./mover.js";
import { shellWord } from "../model/shell-word.js";

/** Milliseconds for which a journal that is written keeps others away: several renewals, and clocks that differ by some seconds. */
export const leaseLasts = 60_000;
/** Milliseconds between two renewals. */
const renewal = 15_000;
/** Milliseconds after which a journal that was written must still be ours: longer than another's read and write. */
const journalSettles = 150;

/** Another process has taken the move over: whatever is left to do is its affair. */
export class Overtaken extends ProblemError {
  override readonly name = "Overtaken";
  constructor(vm: string) {
    super({
      code: "move-overtaken",
      what: `Another process has taken over the move of VM "${vm}", or has ended it`,
      state: "This process changed nothing more.",
      remedy: `See \`vnic-failover status ${shellWord(vm)}\`.`,
    });
  }
}

export interface Place {
  readonly host: LibvirtHost;
  readonly dom: DomainRef;
  /** Whether the domain has a definition there. Undefined: it is looked at before each write. */
  readonly persistent?: boolean;
}

export class Lease {
  /** Where the journal counts. Undefined: there is none yet, or none any more, and nothing is guarded. */
  private place: Place | undefined;
  private resting = false;
  /** Writes of the journal, one after another. */
  private writes: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly cluster: LibvirtCluster,
    private readonly vm: string,
    private readonly current: { journal: Journal },
  ) {}

  /**
   * Writes the journal and makes sure that it stays: libvirt has no compare-and-set, so of two that write at once the later
   * one keeps it.
   * @param before the journal that stands there so far.
   * @param meanwhile what must hold, too, before anything is written. Default: nothing.
   * @throws what `lost` makes of the other's journal; undefined: there is none any more.
   */
  async take(
    place: Place,
    before: Journal | undefined,
    lost: (kept: Journal | undefined) => Error,
    meanwhile?: Promise<unknown>,
  ): Promise<void> {
    this.current.journal = { ...this.current.journal, until: this.cluster.clock.now() + leaseLasts };
    const { journal } = this.current;
    const [present] = await Promise.all([readJournal(place.host, place.dom), meanwhile]);
    if (before === undefined ? present !== undefined : !isSame(present, before)) throw lost(present);
    await writeJournal(place.host, place.dom, journal, place.persistent);
    await this.cluster.clock.sleep(journalSettles);
    const kept = await readJournal(place.host, place.dom);
    if (!isSame(kept, journal)) throw lost(kept);
    this.place = place;
  }

  /** Where the journal counts; undefined: it is not written yet, or gone. */
  get home(): LibvirtHost | undefined {
    return this.place?.host;
  }

  /** The VM runs there from now on, and its journal with it. */
  moveTo(place: Place): void {
    if (this.place !== undefined) this.place = place;
  }

  /**
   * @throws Overtaken, where the journal is another's or gone.
   *
   * A host that cannot be asked has let no other in either, as long as the lease lasts.
   */
  async check(): Promise<void> {
    if (this.place === undefined) return;
    try {
      await this.checkAt(this.place);
    } catch (error) {
      if (!isConnectionLost(error) || this.cluster.clock.now() >= this.current.journal.until) throw error;
    }
  }

  /** Writes what the journal says now, with a lease of so many milliseconds from now. */
  async write(change: Partial<Journal>, milliseconds = leaseLasts): Promise<void> {
    const write = async () => {
      this.current.journal = { ...this.current.journal, ...change, until: this.cluster.clock.now() + milliseconds };
      if (this.place !== undefined) await this.writeAt(this.place);
    };
    const turn = this.writes.catch(() => undefined).then(write);
    this.writes = turn;
    await turn;
  }

  /** What the journal says from now on; it is written with the next renewal, or the next change that is. */
  note(change: Partial<Journal>): void {
    this.current.journal = { ...this.current.journal, ...change };
  }

  /** It is not renewed meanwhile: libvirt lets no metadata be written while a domain migrates. */
  async unrenewed<T>(act: () => Promise<T>): Promise<T> {
    this.resting = true;
    try {
      return await act();
    } finally {
      this.resting = false;
    }
  }

  /** Keeps the lease while it is acted, and lets every recovery in this process know of it. */
  async during<T>(act: () => Promise<T>): Promise<T> {
    const end = this.cluster.clock.every(renewal, () => {
      if (this.place !== undefined && !this.resting) this.write({}).catch(() => undefined);
    });
    try {
      return await whileMoving(this.current.journal, act);
    } finally {
      end();
      await this.stop();
    }
  }

  /** The journal is about to go: nothing is guarded and no lease renewed any more. @throws Overtaken */
  async release(): Promise<void> {
    await this.check();
    await this.stop();
  }

  private async stop(): Promise<void> {
    this.place = undefined;
    await this.writes.catch(() => undefined);
  }

  private async writeAt(place: Place): Promise<void> {
    const { host, dom, persistent } = place;
    const { journal } = this.current;
    if (persistent !== undefined) {
      try {
        await writeJournal(host, dom, journal, persistent);
        return;
      } catch (error) {
        // It may have been shut off meanwhile, or have lost its definition.
        if (!LibvirtError.is(error, "NO_DOMAIN", "OPERATION_INVALID")) throw error;
      }
    }
    const now = await host.domainOf(dom.uuid);
    if (now === undefined) await this.checkAt(place);
    else await writeJournal(host, now, journal);
  }

  private async checkAt({ host, dom }: Place): Promise<void> {
    const { journal } = this.current;
    const found = await undefinedOn("NO_DOMAIN", async () => (await readJournal(host, dom)) ?? "none");
    if (found === undefined ? await this.isNowhere(dom) : found !== "none" && isSame(found, journal)) return;
    throw new Overtaken(this.vm);
  }

  /** Whether the VM has ended for good: with no domain left, there is no journal that another could have written. */
  private async isNowhere({ uuid }: DomainRef): Promise<boolean> {
    const { instances } = await this.cluster.whereIs(uuid);
    for (const { host, dom } of instances) {
      if (isSame(await readJournal(host, dom), this.current.journal)) return true;
    }
    return instances.length === 0;
  }
}

function isSame(found: Journal | undefined, { id, holder }: Journal): boolean {
  return found?.id === id && found.holder === holder;
}

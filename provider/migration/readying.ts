/**
 * What a move begins while it still asks whether it may be: connections and announcers take as long as all the questions. They change
 * nothing on the hosts, and where the move is refused they end.
 */
import { isActive, type DomainInstance, type LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { Progress } from "../model/progress.js";
import { newAnnouncing, plannedPlaces, startAnnouncers, stopAnnouncers, type Announcing } from "./announce.js";
import type { PairOnNetwork, WhileLooking } from "./facts.js";
import type { MigrationOptions } from "./options.js";
import { movingInterfaces } from "./plan.js";
import { prepare, type Prepared } from "./prepare.js";
import type { Timeline } from "./report/timeline.js";

export class Readying implements WhileLooking {
  private preparing: Promise<Prepared> | undefined;
  private announcing: Announcing | undefined;

  constructor(
    private readonly cluster: LibvirtCluster,
    private readonly to: string,
    private readonly about: {
      readonly options: MigrationOptions;
      readonly progress: Progress;
      readonly timeline: Timeline;
    },
  ) {}

  readonly onFound = (instance: DomainInstance): void => {
    if (this.preparing !== undefined || !this.mayMove(instance)) return;
    this.preparing = prepare(instance.host, this.cluster.host(this.to), instance.dom);
    // It is awaited where it is needed; until then a failure must not count as unhandled.
    this.preparing.catch(() => undefined);
  };

  readonly onPairs = (instance: DomainInstance, pairs: readonly PairOnNetwork[]): void => {
    if (this.announcing !== undefined || !this.mayMove(instance)) return;
    const { options, progress, timeline } = this.about;
    const hosts = { source: instance.host, destination: this.cluster.host(this.to) };
    const announcing = newAnnouncing(this.cluster, instance.dom, progress, { options, timeline });
    const announcers = startAnnouncers(announcing, plannedPlaces(this.cluster, hosts, movingInterfaces(pairs)));
    announcers.catch(() => undefined);
    this.announcing = { ...announcing, announcers };
  };

  /** For a move of that VM. */
  prepared(instance: DomainInstance): Promise<Prepared> {
    this.onFound(instance);
    return this.preparing ?? prepare(instance.host, this.cluster.host(this.to), instance.dom);
  }

  /** What newContext wants to know of the announcers. */
  get announcers(): Partial<Pick<Announcing, "announced" | "announcers">> {
    if (this.announcing === undefined) return {};
    const { announced, announcers } = this.announcing;
    return { announced, announcers };
  }

  /** The move comes to nothing, or what it was readied for has changed. Never throws. */
  async end(): Promise<void> {
    const [preparing, announcing] = [this.preparing, this.announcing];
    this.preparing = this.announcing = undefined;
    // Python takes its time to start: one that is not needed ends by itself as soon as it has.
    if (announcing !== undefined) void stopAnnouncers(announcing);
    await preparing?.then(
      (prepared) => prepared.close(),
      () => undefined,
    );
  }

  private mayMove(instance: DomainInstance): boolean {
    return isActive(instance) && instance.host.name !== this.to;
  }
}

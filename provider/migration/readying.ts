/**
 * What a move begins while it still asks whether it may be: connections take as long as all the questions. They change nothing on the
 * hosts, and where the move is refused they end.
 */
import { isActive, type DomainInstance, type LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { WhileLooking } from "./facts.js";
import { prepare, type Prepared } from "./prepare.js";

export class Readying implements WhileLooking {
  private preparing: Promise<Prepared> | undefined;

  constructor(
    private readonly cluster: LibvirtCluster,
    private readonly to: string,
  ) {}

  readonly onFound = (instance: DomainInstance): void => {
    if (this.preparing !== undefined || !this.mayMove(instance)) return;
    this.preparing = prepare(instance.host, this.cluster.host(this.to), instance.dom);
    // It is awaited where it is needed; until then a failure must not count as unhandled.
    this.preparing.catch(() => undefined);
  };

  /** For a move of that VM. */
  prepared(instance: DomainInstance): Promise<Prepared> {
    this.onFound(instance);
    return this.preparing ?? prepare(instance.host, this.cluster.host(this.to), instance.dom);
  }

  /** The move comes to nothing, or what it was readied for has changed. Never throws. */
  async end(): Promise<void> {
    const { preparing } = this;
    this.preparing = undefined;
    await preparing?.then(
      (prepared) => prepared.close(),
      () => undefined,
    );
  }

  private mayMove(instance: DomainInstance): boolean {
    return isActive(instance) && instance.host.name !== this.to;
  }
}

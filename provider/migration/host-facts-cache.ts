/**
 * What hosts tell of themselves for the plans of moves, each question asked once: a drain plans every one of its VMs to
 * every destination, and what a destination has does not hang on the VM.
 */
import type { ProfileRecord } from "../backends/libvirt/xml/network.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import type { HostUnreachable } from "../backends/libvirt/host-errors.js";
import { conflictOf } from "../backends/libvirt/profile-store.js";
import { AsyncCache } from "../backends/libvirt/async-cache.js";
import { journalReservations, type JournalReservations } from "../backends/libvirt/reservations.js";
import type { HostBasics } from "../backends/libvirt/host-basics.js";
import { DestinationQuestions } from "./destination-facts.js";
import { basicsOf, hostFacts, type SurveyedHost } from "./host-facts.js";

export class HostFactsCache {
  private readonly journals = new AsyncCache<"all", JournalReservations>(() => journalReservations(this.cluster.hosts));
  private readonly hosts = new AsyncCache<LibvirtHost, HostBasics | HostUnreachable>((host) =>
    basicsOf(host, { commands: this.cluster.config.hostCommands, journals: this.journals.get("all") }),
  );
  private readonly surveys = new Map<LibvirtHost, AsyncCache<string, SurveyedHost>>();
  private readonly stored = new AsyncCache<"all", readonly ProfileRecord[]>(() =>
    this.cluster.profiles.all().then(
      (stored) => stored.filter((each) => conflictOf(each) === undefined).map(({ profile }) => profile),
      () => [],
    ),
  );

  /** What depends on the VM. */
  readonly questions: DestinationQuestions;

  constructor(private readonly cluster: LibvirtCluster) {
    this.questions = new DestinationQuestions(cluster.config);
  }

  basics(host: LibvirtHost): Promise<HostBasics | HostUnreachable> {
    return this.hosts.get(host);
  }

  /** The profiles of the cluster on which its hosts agree; none where they can't be read. */
  profiles(): Promise<readonly ProfileRecord[]> {
    return this.stored.get("all");
  }

  /** The host with its part of these networks. */
  survey(host: LibvirtHost, networks: readonly string[]): Promise<SurveyedHost> {
    const ofHost =
      this.surveys.get(host) ??
      new AsyncCache<string, SurveyedHost>(async (key) =>
        hostFacts(this.cluster.config, host, await this.basics(host), JSON.parse(key) as string[], (name) =>
          this.questions.interfaceOn(host, name),
        ),
      );
    this.surveys.set(host, ofHost);
    return ofHost.get(JSON.stringify(networks));
  }
}

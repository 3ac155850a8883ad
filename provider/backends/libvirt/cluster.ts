/** A libvirt cluster: the hosts of the stack's configuration, as one thing that has VMs and profiles. */
import { credentialsOf, type ClusterConfig, type Configuration } from "../../config/index.js";
import { systemClock, type Clock } from "../../model/clock.js";
import { ProblemError } from "../../model/problem.js";
import { suggestion } from "../../model/suggestion.js";
import { DomainState, PausedReason } from "./constants.js";
import { LibvirtHost, undefinedOn, UnconfiguredHost, type DomainRef, type DomainStateNow } from "./host.js";
import { HostUnreachable, refusedFirst, asUnreachable } from "./host-errors.js";
import { ProfileStore } from "./profile-store.js";
import { shellWord } from "../../model/shell-word.js";

/** A domain on one host. */
export interface DomainInstance extends DomainStateNow {
  readonly host: LibvirtHost;
  readonly dom: DomainRef;
}

/**
 * A VM as it is called: by its name, and where its UUID is known, as that VM and no other of the name. A name alone is as good as
 * its UUID while only one VM of the hosts has it.
 */
export type VmRef = string | NamedVm;

export interface NamedVm {
  readonly name: string;
  /** Undefined: not known yet. */
  readonly uuid?: string | undefined;
}

export function named(vm: VmRef): NamedVm {
  return typeof vm === "string" ? { name: vm } : vm;
}

/** Everything that is known of where a VM is. */
export interface VmLocations {
  readonly instances: readonly DomainInstance[];
  /** Hosts that did not answer. The VM may be there too. */
  readonly unreachable: readonly HostUnreachable[];
}

const none: VmLocations = { instances: [], unreachable: [] };

export class LibvirtCluster {
  readonly config: ClusterConfig;
  readonly hosts: readonly LibvirtHost[];
  readonly profiles: ProfileStore;
  /** Called with the name of a host whose connection takes more than 2 s. */
  onSlowHost: ((name: string) => void) | undefined;

  /** @param clock by which its hosts' moves wait. Default: the system's. */
  constructor(
    { cluster, readOnly, ...credentials }: Configuration,
    readonly clock: Clock = systemClock,
  ) {
    this.config = readOnly === undefined ? cluster : { ...cluster, hostCommands: false };
    this.hosts = Object.entries(cluster.hosts).map(
      ([name, config]) =>
        new LibvirtHost(
          name,
          config,
          { ...credentialsOf(credentials, name), sshConfig: cluster.sshConfig },
          {},
          readOnly,
          clock,
          () => this.onSlowHost?.(name),
        ),
    );
    this.profiles = new ProfileStore(this.hosts, cluster);
  }

  /** @throws ProblemError when the configuration names no such host. */
  host(name: string): LibvirtHost {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) {
      throw new ProblemError({
        code: "host-unknown",
        what: `The cluster has no host "${name}"`,
        remedy: suggestion(
          "Hosts",
          name,
          this.hosts.map((each) => each.name),
        ),
      });
    }
    return host;
  }

  /** The host of that name; where the configuration has none, one that cannot be reached. */
  hostOrAbsent(name: string): LibvirtHost {
    return this.hosts.find((candidate) => candidate.name === name) ?? new UnconfiguredHost(name);
  }

  /**
   * Asks every host for the VM of that name. Never fails because one is unreachable: the answer says which. Domains of one
   * name may be of several VMs: their UUIDs tell.
   */
  locations(vm: string): Promise<VmLocations> {
    return this.askAll((host) => host.findDomain(vm));
  }

  /** The same for the VM of that UUID. */
  whereIs(uuid: string): Promise<VmLocations> {
    return this.askAll((host) => host.domainOf(uuid));
  }

  private async askAll(find: (host: LibvirtHost) => Promise<DomainRef | undefined>): Promise<VmLocations> {
    const answers = await Promise.all(this.hosts.map((host) => presenceOn(host, find)));
    return {
      instances: answers.filter(
        (answer): answer is DomainInstance => answer !== undefined && !(answer instanceof HostUnreachable),
      ),
      unreachable: answers.filter((answer) => answer instanceof HostUnreachable),
    };
  }

  /** As {@link whereabouts}, also of what has the VM's UUID under another name. */
  async locationsOf(vm: VmRef): Promise<VmLocations> {
    const { name, uuid } = named(vm);
    const [ofName, ofUuid] = await Promise.all([this.locations(name), uuid === undefined ? none : this.whereIs(uuid)]);
    const renamed = ofUuid.instances.filter(({ dom }) => dom.name !== name);
    return { instances: [...ofName.instances, ...renamed], unreachable: ofName.unreachable };
  }

  /**
   * Where the VM runs, or else where it is defined.
   * @returns undefined when every host answers and none has it.
   * @throws HostUnreachable when it was not found and a host is unreachable; VmOnSeveralHosts when it runs on several hosts; VmNameTwice
   *   when it is called by a name that several VMs have; VmIsAnother when its name is another VM's, or it has another name.
   */
  async locate(vm: VmRef): Promise<DomainInstance | undefined> {
    return placeOf(vm, await this.locationsOf(vm));
  }

  /** As {@link locate}. @throws ProblemError when there is no such VM. */
  async require(vm: VmRef): Promise<DomainInstance> {
    const found = await this.locate(vm);
    if (found === undefined) throw this.unknownVm(named(vm).name);
    return found;
  }

  unknownVm(vm: string): ProblemError {
    return new ProblemError({
      code: "vm-unknown",
      what: `Unable to find VM "${vm}" on ${this.hosts.map(({ name }) => `"${name}"`).join(", ")}`,
      remedy: "Use the name of a domain that is defined on one of these hosts.",
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.close()));
  }
}

/** The VM is active on more than one host: nothing may be done to it before a person has looked. */
export class VmOnSeveralHosts extends ProblemError {
  override readonly name = "VmOnSeveralHosts";
  constructor(
    vm: string,
    readonly instances: readonly DomainInstance[],
    /** Default: what helps where a move may be in progress. */
    remedy = `If a move is in progress, wait for it to finish; if it was interrupted, run \`vnic-failover recover ${shellWord(vm)}\`.`,
  ) {
    super({
      code: "vm-on-several-hosts",
      what: `VM "${vm}" is active on more than one host: ${instances.map(({ host }) => `"${host.name}"`).join(" and ")}`,
      remedy,
    });
  }
}

/** Two VMs have one name: which of them is meant cannot be told. */
export class VmNameTwice extends ProblemError {
  override readonly name = "VmNameTwice";
  constructor(vm: string, instances: readonly DomainInstance[]) {
    super({
      code: "vm-name-not-unique",
      what: `Unable to identify VM "${vm}": more than one VM has this name (${instances.map(({ host, dom }) => `UUID ${dom.uuid} on "${host.name}"`).join(", ")})`,
      state: "Nothing was changed.",
      remedy: "Rename all but one of these VMs (virsh domrename).",
    });
  }
}

/** The VM of a known UUID is not there under its name: that is another VM's, or the VM has another name now. */
export class VmIsAnother extends ProblemError {
  override readonly name = "VmIsAnother";
  /** The VM itself, under another name. Undefined: no host has it. */
  readonly renamed: DomainInstance | undefined;
  /** `VM "web" with UUID …: the VM of that name on "host2" is another one, …` */
  readonly found: string;

  /** @param presences of the VM's name, or of its UUID. */
  constructor({ name, uuid = "" }: NamedVm, instances: readonly DomainInstance[]) {
    const renamed = instances.find(({ dom }) => dom.uuid === uuid);
    const [namesake] = instances.filter(({ dom }) => dom.name === name);
    const why = [
      ...(renamed === undefined ? [] : [`it is called "${renamed.dom.name}" now, on "${renamed.host.name}"`]),
      ...(namesake === undefined
        ? []
        : [`the VM of that name on "${namesake.host.name}" is another VM, with UUID ${namesake.dom.uuid}`]),
    ];
    const found = `VM "${name}" with UUID ${uuid}: ${why.join(", and ")}`;
    super({
      code: "vm-is-another",
      what: `Unable to find ${found}`,
      state: "Nothing was changed.",
      remedy:
        renamed === undefined
          ? "If the VM was recreated under its name, run pulumi up with --replace and the resource's URN, which recreates the resource for the new VM. Otherwise rename one of them (virsh domrename)."
          : "Rename it back (virsh domrename), or declare its new name.",
    });
    this.renamed = renamed;
    this.found = found;
  }
}

/** Where the VM runs, or else where it is defined. @throws as {@link LibvirtCluster.locate} */
export function placeOf(vm: VmRef, { instances, unreachable }: VmLocations): DomainInstance | undefined {
  const { name, uuid } = named(vm);
  if (uuid === undefined && instances.some(({ dom }) => dom.uuid !== instances[0]?.dom.uuid))
    throw new VmNameTwice(name, instances);
  const own = instances.filter(({ dom }) => dom.name === name && (uuid === undefined || dom.uuid === uuid));
  const active = own.filter(isActive);
  if (active.length > 1) throw new VmOnSeveralHosts(name, active);
  const [first] = refusedFirst(unreachable);
  if (active.length === 0 && first !== undefined) throw first;
  const found = active[0] ?? own[0];
  if (found === undefined && instances.length > 0) throw new VmIsAnother({ name, uuid }, instances);
  return found;
}

/** Whether the domain has a QEMU, running or paused. */
export function isActive({ state }: DomainStateNow): boolean {
  return state !== DomainState.SHUTOFF && state !== DomainState.CRASHED;
}

/** Whether it is a copy that waits for a migration's memory: QEMU is there, and no VM in it yet. */
export function isIncoming({ state, reason }: DomainStateNow): boolean {
  // qemuMigrationDstPrepareActive starts it with these (libvirt's src/qemu/qemu_migration.c, qemu_process.c).
  return state === DomainState.PAUSED && (reason === PausedReason.STARTING_UP || reason === PausedReason.MIGRATION);
}

async function presenceOn(
  host: LibvirtHost,
  find: (host: LibvirtHost) => Promise<DomainRef | undefined>,
): Promise<DomainInstance | HostUnreachable | undefined> {
  try {
    const dom = await find(host);
    const state = dom && (await undefinedOn("NO_DOMAIN", () => host.state(dom)));
    return dom === undefined || state === undefined ? undefined : { host, dom, ...state };
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable !== undefined) return unreachable;
    throw error;
  }
}

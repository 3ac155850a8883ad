/** What the cluster's VMs are like: where each is, its pairs and their VFs, and the move that it is in. Pure reading. */
import { ProblemError } from "../../../model/problem.js";
import { pairsOn } from "../../../migration/pair-networks.js";
import { journalAmong } from "../../../migration/journal-store.js";
import type { Journal } from "../../../migration/journal.js";
import { readOwed } from "../../../migration/owed.js";
import { missingVfsOf } from "../../../migration/repair.js";
import type { OwedToHost } from "../../../backends/libvirt/xml/owed-record.js";
import { formatPciAddress } from "../../../backends/libvirt/xml/pci-address.js";
import { pairs } from "../../../backends/libvirt/xml/pairs.js";
import { isActive, type LibvirtCluster, type DomainInstance } from "../../../backends/libvirt/cluster.js";
import { domainStateName, type DomainStateName } from "../../../backends/libvirt/domain-state.js";
import type { DomainRef } from "../../../backends/libvirt/host.js";
import { asUnreachable, HostUnreachable } from "../../../backends/libvirt/host-errors.js";
import { shellWord } from "../../../model/shell-word.js";

export interface VmSurvey {
  readonly vm: string;
  /** The VM's own: two VMs may have one name. Default: they have not. */
  readonly uuid?: string;
  readonly state: VmState;
  /** The hosts where it is active; else those that have its definition. */
  readonly hosts: readonly string[];
  readonly interfaces: readonly SurveyedInterface[];
  /** VFs that it should have and has not, in words. */
  readonly missing: readonly string[];
  /** A move that is under way, or was interrupted. */
  readonly journal: Journal | undefined;
  /** What moves of it have left to be done on hosts that did not answer. */
  readonly owed?: readonly OwedToHost[];
  /** Why the rest could not be told. */
  readonly problem?: ProblemError;
}

/** As virsh list spells it. */
type VmState = Exclude<DomainStateName, "shutoff" | "shutting-down"> | "shut off" | "shutting down";

export interface SurveyedInterface {
  readonly mac: string;
  /** The standby's bridge. */
  readonly bridge: string | undefined;
  readonly standbyNetwork: string | undefined;
  /** The logical network of the VF. */
  readonly network: string | undefined;
  /** `0000:01:10.0`; undefined: it goes with its standby alone. */
  readonly vf: string | undefined;
}

export interface ClusterSurvey {
  readonly vms: readonly VmSurvey[];
  /** Hosts that did not answer: the VMs that run there are not among these. */
  readonly unreachable: readonly HostUnreachable[];
  /** The names of those that did. */
  readonly answer?: readonly string[];
}

function inWords(state: DomainStateName): VmState {
  return state === "shutting-down" ? "shutting down" : state === "shutoff" ? "shut off" : state;
}

/** Every VM of the cluster by name, or those of that name: two VMs may have it. A VM that no host has is not in the answer. */
export async function surveyVms(cluster: LibvirtCluster, only?: string): Promise<ClusterSurvey> {
  const listed = await Promise.all(
    cluster.hosts.map(async (host) => {
      try {
        return await host.domains();
      } catch (error) {
        const unreachable = asUnreachable(error);
        if (unreachable === undefined) throw error;
        return unreachable;
      }
    }),
  );
  const doms = listed.flatMap((answer) => (answer instanceof HostUnreachable ? [] : answer));
  const each = new Map(doms.map(({ name, uuid }) => [`${name}/${uuid}`, { name, uuid }]));
  const wanted = [...each]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, vm]) => (only === undefined || vm.name === only ? [vm] : []));
  return {
    vms: (await Promise.all(wanted.map((vm) => surveyVm(cluster, vm)))).filter((vm) => vm !== undefined),
    unreachable: listed.filter((answer) => answer instanceof HostUnreachable),
    answer: cluster.hosts.filter((_, index) => !(listed[index] instanceof HostUnreachable)).map(({ name }) => name),
  };
}

/** Undefined: it is gone meanwhile. */
async function surveyVm(
  cluster: LibvirtCluster,
  { name: vm, uuid }: Pick<DomainRef, "name" | "uuid">,
): Promise<VmSurvey | undefined> {
  const instances = (await cluster.locations(vm)).instances.filter(({ dom }) => dom.uuid === uuid);
  const active = instances.filter(isActive);
  const found = active[0] ?? instances[0];
  if (found === undefined) return undefined;
  const base = {
    vm,
    uuid,
    state: inWords(domainStateName(found.state)),
    hosts: (active.length === 0 ? instances : active).map(({ host }) => host.name),
  };
  try {
    return {
      ...base,
      interfaces: await interfacesOf(cluster, found),
      // Where it runs twice, what it should have is the smaller worry.
      missing: active.length > 1 ? [] : await missingVfsOf(cluster, { name: vm, uuid }),
      journal: (await journalAmong(instances))?.journal,
      owed: await readOwed(found.host, found.dom),
    };
  } catch (problem) {
    // One VM that cannot be read must not hide the others.
    if (!(problem instanceof ProblemError)) throw problem;
    return { ...base, interfaces: [], missing: [], journal: undefined, problem };
  }
}

/**
 * Whether it wants `vnic-failover recover`, as far as can be told.
 * @param answer the hosts that answer: what is owed to others has to wait.
 */
export function needsRecovery(
  { journal, missing, hosts, state, problem, owed = [] }: VmSurvey,
  answer: readonly string[] = [],
): boolean {
  const runsTwice = hosts.length > 1 && state !== "shut off" && state !== "crashed";
  const owes = owed.some(({ host }) => answer.includes(host));
  return journal !== undefined || missing.length > 0 || runsTwice || problem !== undefined || owes;
}

/** `Clean-up for VM "web" is pending on host "host1": …` */
export function owedInWords(vm: string, what: string): string {
  return `Clean-up for VM "${vm}" is pending on host ${what}. It is done by vnic-failover recover ${shellWord(vm)}, the next move or the next pulumi up, once the host answers.`;
}

async function interfacesOf(cluster: LibvirtCluster, instance: DomainInstance): Promise<readonly SurveyedInterface[]> {
  const { host, dom } = instance;
  const domain = await (isActive(instance) ? host.liveDomain(dom) : host.inactiveDomain(dom));
  const profiles = await cluster.profiles.all().then(
    (stored) => stored.map(({ profile }) => profile),
    // An unreachable host: the networks are then identified by bridge and PF.
    () => [],
  );
  const whole = (await pairsOn(cluster, host, domain, profiles)).map(
    ({ standby, primary, vfNetwork, standbyNetwork }): SurveyedInterface => ({
      mac: primary.mac ?? standby.mac ?? "?",
      bridge: standby.source.bridge,
      standbyNetwork,
      network: vfNetwork,
      vf: primary.vf === undefined ? undefined : formatPciAddress(primary.vf),
    }),
  );
  const alone = pairs(domain)
    .unpaired.filter(({ kind }) => kind === "standby-without-primary")
    .map(({ nic }): SurveyedInterface => ({
      mac: nic.mac ?? "?",
      bridge: nic.source.bridge,
      standbyNetwork: undefined,
      network: undefined,
      vf: undefined,
    }));
  return [...whole, ...alone];
}

/** What the rules of a move want to know of the VM itself, wherever it goes. Pure reading; what cannot be told is left out. */
import {
  writtenFiles,
  type Disk,
  type Guest,
  type Judgement,
  type MovingInterface,
  type MovingVm,
} from "../rules/index.js";
import { attribute, child, children, type Element } from "../xml/element.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { agentChannelOf } from "../backends/libvirt/xml/guest-agent.js";
import { memoryBackingOf } from "../backends/libvirt/xml/memory-backing.js";
import { formatPciAddress, samePciAddress } from "../backends/libvirt/xml/pci-address.js";
import { isActive, type DomainInstance } from "../backends/libvirt/cluster.js";
import { JobOperation } from "../backends/libvirt/constants.js";
import { domainStateName, type DomainStateName } from "../backends/libvirt/domain-state.js";
import { guestSystem } from "../backends/libvirt/guest-agent.js";
import { rehearse } from "../backends/libvirt/rehearsal.js";
import type { MigrationOptions } from "./options.js";
import { runningOperation } from "./job.js";
import type { PairOnNetwork } from "./pair-networks.js";

export async function factsOfVm(
  instance: DomainInstance,
  domain: Domain,
  {
    moving,
    plain,
    judged,
  }: {
    readonly moving: readonly PairOnNetwork[];
    readonly plain: readonly MovingInterface[];
    readonly judged: Promise<JobAndJudgement | undefined>;
  },
): Promise<Omit<MovingVm, "name" | "exists" | "activeOn" | "namesakes">> {
  const devices = child(domain.raw, "devices");
  const disks = disksOf(devices);
  const [{ job, judgement } = {}, guest] = await Promise.all([
    judged,
    isActive(instance) && moving.length > 0 ? guestOf(instance, domain) : undefined,
  ]);
  const inPairs = new Set(moving.map(({ primary }) => primary));
  const others = domain.hostdevs.filter(
    (address) => ![...inPairs].some(({ vf }) => vf !== undefined && samePciAddress(vf, address)),
  );
  const memory = memoryBackingOf(domain.raw, domain.memoryKiB);
  return {
    state: stateForMove(domainStateName(instance.state)),
    ...(job !== undefined && { job }),
    ...(guest !== undefined && { guest }),
    memoryKiB: memory.plainKiB,
    ...(memory.hugepages.length > 0 && { hugepages: memory.hugepages }),
    ...(judgement !== undefined && { judgement }),
    interfaces: [
      ...moving.map(
        ({ standby, primary, vfNetwork, networksOfPf, networksUnknown, fitting, vlan, standbyNetwork, profile }) => ({
          name: primary.alias ?? primary.mac ?? "VF",
          ...(primary.vf !== undefined &&
            networksUnknown !== true && {
              vf: {
                address: formatPciAddress(primary.vf),
                ...(vlan !== undefined && { vlans: vlan.tags }),
                networks: networksOfPf,
                fitting,
                ...(primary.device === "hostdev" && { setByHosts: true, settingsRead: vlan !== undefined }),
              },
            }),
          vfNetwork,
          standbyNetwork,
          ...(standby.mtu !== undefined && { mtu: standby.mtu }),
          standbyLinkUp: standby.linkState !== "down",
          ...(profile !== undefined && { migratable: profile.migratable }),
        }),
      ),
      ...plain,
    ],
    blockingDevices: others.map(formatPciAddress),
    disks,
  };
}

/** What matters of it to a move. */
function stateForMove(state: DomainStateName): MovingVm["state"] {
  if (state === "crashed") return "shutoff";
  return state === "running" || state === "paused" || state === "shutoff" ? state : "other";
}

function disksOf(devices: Element | undefined): readonly Disk[] {
  return children(devices, "disk").flatMap((disk) => {
    const source = child(disk, "source");
    const type = attribute(disk, "type");
    const target = attribute(child(disk, "target"), "dev");
    if (type === undefined || target === undefined || source === undefined) return [];
    return [
      {
        target,
        type,
        source: attribute(source, "file") ?? attribute(source, "dev"),
        readonly: child(disk, "readonly") !== undefined,
        shared: child(disk, "shareable") !== undefined,
      },
    ];
  });
}

interface JobAndJudgement {
  readonly job?: string;
  readonly judgement?: Judgement;
}

/** libvirt's judgement is asked of a VM that runs and has no job, which the question might have to wait for. */
export async function jobAndJudgement(
  { host, dom, state }: DomainInstance,
  { raw }: Domain,
  told: { readonly job: Promise<string | undefined>; readonly persistent: Promise<boolean | undefined> },
  { autoConverge, tls, nonSharedStorage }: MigrationOptions,
): Promise<JobAndJudgement> {
  const [job = "none", persistent = false] = await Promise.all([told.job, told.persistent]);
  if (job !== "none" || domainStateName(state) !== "running") return { job };
  const disks = disksOf(child(raw, "devices"));
  const manner = { persistent, autoConverge, tls };
  const judgement = await rehearse(host, dom, manner, {
    copy: nonSharedStorage === "copy",
    writtenFiles: writtenFiles(disks).map(({ target }) => target),
  });
  return { job, judgement };
}

export async function jobOf({ host, dom }: DomainInstance): Promise<string> {
  const operation = await runningOperation(host, dom);
  if (operation === undefined) return "none";
  if (operation === JobOperation.MIGRATION_OUT) return "migration out";
  return operation === JobOperation.MIGRATION_IN ? "migration in" : "another job";
}

/** Undefined: the VM has no channel to an agent, or the agent does not answer: nothing is known of the guest. */
async function guestOf({ host, dom }: DomainInstance, domain: Domain): Promise<Guest | undefined> {
  const channel = agentChannelOf(domain.raw);
  if (channel === "none") return undefined;
  if (channel === "disconnected") return { agent: false };
  const system = await guestSystem(host, dom);
  return system && { agent: true, ...system };
}

/** How a VM with its pair stands on the two hosts, read from the models themselves: what a test looks at afterwards. */
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { formatXml, type Element } from "../../provider/xml/element.js";
import { metadataNamespace } from "../../provider/backends/libvirt/xml/metadata.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { DomainState } from "../../provider/backends/libvirt/constants.js";
import { metadataOf } from "./definition.js";
import type { LabLike } from "./two-hosts.js";

export interface ClusterState {
  /** Hosts where the VM's CPUs run. */
  readonly runsOn: readonly string[];
  /** Hosts that have a QEMU of it, running or paused. */
  readonly activeOn: readonly string[];
  readonly definedOn: readonly string[];
  /** The VFs that it has, and those that its definition names. */
  readonly vfs: readonly string[];
  readonly definedVfs: readonly string[];
  /** `host1 0000:01:10.0` of every VF that is bound to vfio. */
  readonly bound: readonly string[];
  /** Hosts where the VM has a journal. */
  readonly journals: readonly string[];
}

export function clusterState({ hosts }: Pick<LabLike, "hosts">, name = "web"): ClusterState {
  const found = hosts.flatMap((host) => {
    const domain = host.domains.named(name);
    return domain === undefined ? [] : [{ host: host.name, domain }];
  });
  const hasJournal = (definition: Element | undefined) =>
    definition !== undefined && metadataOf(definition, metadataNamespace("journal")) !== undefined;
  const where = (holds: (entry: (typeof found)[number]) => boolean) => found.filter(holds).map(({ host }) => host);
  return {
    runsOn: where(({ domain }) => domain.state === DomainState.RUNNING),
    activeOn: where(({ domain }) => domain.live !== undefined),
    definedOn: where(({ domain }) => domain.config !== undefined),
    vfs: found.flatMap(({ domain }) => vfsOf(domain.live)),
    definedVfs: found.flatMap(({ domain }) => vfsOf(domain.config)),
    bound: hosts.flatMap(({ name: host, devices }) =>
      devices
        .virtualFunctions()
        .flatMap(({ driver, address }) => (driver === "vfio-pci" ? [`${host} ${address}`] : [])),
    ),
    journals: where(({ domain }) => hasJournal(domain.live) || hasJournal(domain.config)),
  };
}

/** The VM runs on that host alone, with that VF, which alone is bound, and nothing is left of a move. */
export function expectedState(host: "host1" | "host2", vf: string): ClusterState {
  return {
    runsOn: [host],
    activeOn: [host],
    definedOn: [host],
    vfs: [vf],
    definedVfs: [vf],
    bound: [`${host} ${vf}`],
    journals: [],
  };
}

function vfsOf(definition: Element | undefined): readonly string[] {
  return definition === undefined ? [] : parseDomain(formatXml(definition)).hostdevs.map(formatPciAddress);
}

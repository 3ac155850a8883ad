import { suggestion } from "../model/suggestion.js";
import { attachmentRules, type Attachment, type UnclearBridge } from "./attachments.js";
import { ignoringRule } from "./ignored.js";
import { judgementRules, type Disk, type Judgement } from "./judgement.js";
import { memoryRules, type FreeHugepages, type HugepageNeed } from "./memory.js";
import { migrationPortRules, type MigrationPort } from "./migration-port.js";
import type { Finding, Rule } from "./rule.js";
import { isBelow, tooOld } from "./version.js";
import { matchVfs } from "../model/vf-matching.js";
import { counted, listed, quoted } from "./wording.js";
import { shellWord } from "../model/shell-word.js";

/**
 * Whether a VM can move to a host, looked at before anything changes. Every finding is wanted at once. A fact that
 * could not be told is absent, and raises nothing: a host that does not answer is one finding, not twenty.
 */

/** An interface that is to move: a VF, its standby, or both. */
export interface MovingInterface {
  /** How the user calls it, or its alias. */
  readonly name: string;
  /** Its VF, where it has one, and the networks that it may be of. */
  readonly vf?: VfOfInterface | undefined;
  /** The logical network of its VF; undefined: it has no VF, or one of no network that is known. */
  readonly vfNetwork?: string | undefined;
  /** The logical network of its virtio side; undefined: it has none. */
  readonly standbyNetwork?: string | undefined;
  /** Default true. */
  readonly migratable?: boolean | undefined;
  /** Of the guest's, in bytes, where the standby has one. */
  readonly mtu?: number | undefined;
  /** Of the virtio side. Default true. */
  readonly standbyLinkUp?: boolean | undefined;
}

export interface VfOfInterface {
  /** On the host: `0000:3b:02.1`. */
  readonly address: string;
  /** Its VLAN tags; undefined: it has none. */
  readonly vlans?: readonly number[] | undefined;
  /** That of its profile where it is of one; else those that name its PF, each with the VLAN that it has on the source. */
  readonly networks: readonly { readonly name: string; readonly vlan?: number | undefined }[];
  /** Those of them that have its VLAN. */
  readonly fitting: readonly string[];
  /** It is a `<hostdev>`: its MAC and VLAN are not libvirt's to set, but the hosts'. Default false. */
  readonly setByHosts?: boolean | undefined;
  /** Whether the source has told what it has set. */
  readonly settingsRead?: boolean | undefined;
}

export interface Guest {
  /** Whether the guest agent answers. */
  readonly agent?: boolean | undefined;
  readonly os?: "linux" | "windows" | "other" | undefined;
  /** As `uname -r` has it. */
  readonly kernel?: string | undefined;
  /** Of the virtio-win package: `0.1.189`. */
  readonly virtioDrivers?: string | undefined;
}

export interface MovingVm {
  readonly name: string;
  /** Whether any host has a domain of that name. */
  readonly exists?: boolean | undefined;
  readonly state?: "running" | "paused" | "shutoff" | "other" | undefined;
  /** The hosts where a domain of that name is active. */
  readonly activeOn?: readonly string[] | undefined;
  /** Other VMs that have its name, and where. */
  readonly namesakes?:
    readonly { readonly host: string; readonly uuid: string; readonly active: boolean }[] | undefined;
  /** libvirt's name of the job: `migration out`, `snapshot`, …; `none` without one. */
  readonly job?: string | undefined;
  /** The process that is at a move of it now, in words; undefined: none, or not known. */
  readonly moveBegunBy?: string | undefined;
  /** As the engine says it, on oVirt, where it does not migrate a VM that is in it. */
  readonly unmovableStatus?: string | undefined;
  /** What it needs of ordinary pages. */
  readonly memoryKiB?: number | undefined;
  readonly hugepages?: readonly HugepageNeed[] | undefined;
  readonly interfaces?: readonly MovingInterface[] | undefined;
  /** Host devices, other than VFs with a standby, that can't migrate. */
  readonly blockingDevices?: readonly string[] | undefined;
  readonly disks?: readonly Disk[] | undefined;
  /** What libvirt says of its migration. */
  readonly judgement?: Judgement | undefined;
  readonly guest?: Guest | undefined;
}

export interface PhysicalFunction {
  /** Its netdev. */
  readonly name: string;
  readonly up?: boolean | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
  readonly freeVfs?: number | undefined;
  /** Those that are free, by their addresses, where the network has only some of its VFs. */
  readonly free?: readonly string[] | undefined;
  /** Those that are not free, each with the cause. */
  readonly held?: readonly string[] | undefined;
  /** The host has no such physical function. */
  readonly missing?: boolean | undefined;
}

/** A logical network as a host has it. */
export interface NetworkOnHost {
  readonly name: string;
  readonly bridge?: string | undefined;
  /** Whether that bridge is there. */
  readonly bridgeExists?: boolean | undefined;
  /** The physical functions whose netdev, or whose VF, is a port of that bridge. */
  readonly bridgeUplinks?: readonly string[] | undefined;
  /** Bytes, of the bridge. */
  readonly mtu?: number | undefined;
  readonly physicalFunctions?: readonly PhysicalFunction[] | undefined;
}

export interface HostFacts {
  readonly name: string;
  /** Whether the cluster's configuration has it. */
  readonly configured?: boolean | undefined;
  /** Names of the hosts that it has, where it does not have this one. */
  readonly configuredHosts?: readonly string[] | undefined;
  /** Whether the cluster's configuration has it under maintenance. */
  readonly maintenance?: boolean | undefined;
  /** As the engine says it, on oVirt: `up`, `maintenance`, … */
  readonly status?: string | undefined;
  readonly answers?: boolean | undefined;
  /** Why not, without a full stop, and what to do about it. */
  readonly unreachable?: { readonly why: string; readonly remedy: string | undefined } | undefined;
  readonly uuid?: string | undefined;
  /** major × 1,000,000 + minor × 1,000 + release. */
  readonly libvirtVersion?: number | undefined;
  readonly qemuVersion?: number | undefined;
  /** Free, or held as caches that the kernel would give up. */
  readonly freeMemoryKiB?: number | undefined;
  /** Of it, what could be had for certain. Undefined: all of it. */
  readonly certainMemoryKiB?: number | undefined;
  /** Of the sizes that the VM needs. */
  readonly freeHugepages?: readonly FreeHugepages[] | undefined;
  /** What the VM's NICs are attached to, as far as it is known of this host. */
  readonly attachments?: readonly Attachment[] | undefined;
  /** The VM's NICs of which it is not known which bridge they would need there. */
  readonly unclearBridges?: readonly UnclearBridge[] | undefined;
  /** Whether the source reaches it there. */
  readonly migrationPort?: MigrationPort | undefined;
  /** The host has IOMMU groups, and /dev/vfio/vfio. */
  readonly passthrough?: boolean | undefined;
  readonly networks?: readonly NetworkOnHost[] | undefined;
  /** Why its VFs are not known although the VM needs one of them, without a full stop, and what to do about it. */
  readonly devicesUnknown?: { readonly why: string; readonly remedy: string } | undefined;
  /** Whether its libvirt takes and sends VMs by TLS alone; undefined: not known, or of no interest as the move is made with TLS. */
  readonly tlsForced?: boolean | undefined;
  /** Whether it runs this package's commands; undefined is not known, or of no interest. */
  readonly runsCommands?: boolean | undefined;
}

export interface PlacementFacts {
  readonly vm: MovingVm;
  /** Where it runs; undefined is not known. */
  readonly source?: HostFacts | undefined;
  readonly destination: HostFacts;
  /** How the destination's CPU compares with the one that the VM has (virConnectCompareCPU). */
  readonly cpu?: "identical" | "superset" | "incompatible" | undefined;
  /** The logical networks that the VM's cluster has, on oVirt. */
  readonly clusterNetworks?: readonly string[] | undefined;
  /** Ids of rules that are set aside for this move. */
  readonly ignoredRules?: readonly string[] | undefined;
}

type PlacementRule = Rule<PlacementFacts>;

const qemuMigration = "libvirt: src/qemu/qemu_migration.c";
const featurePage = "oVirt: feature page 'SR-IOV Live Migration without downtime'";
const vmValidator = "ovirt-engine: VmValidator.java";

const refused = { checkedAt: ["check", "preflight"], severity: "error" } as const;
const refusedByEngineToo = { checkedAt: ["check", "preflight", "engine"], severity: "error" } as const;
const warnedOf = { checkedAt: ["check", "preflight"], severity: "warning" } as const;

// --- the VM

const theVm: readonly PlacementRule[] = [
  {
    id: "move-vm-exists",
    title: "The VM exists on one of the cluster's hosts",
    source: "libvirt: virDomainLookupByName",
    ...refused,
    find: ({ vm }) =>
      vm.exists === false
        ? {
            property: "vm",
            message: `No host of the cluster has a VM ${quoted(vm.name)}.`,
            remedy: "Correct the name, or add the VM's host to the cluster's configuration.",
          }
        : undefined,
  },
  {
    id: "move-vm-runs",
    title: "The VM runs",
    source: `${qemuMigration} qemuMigrationSrcIsAllowed`,
    ...refused,
    find: ({ vm }) =>
      vm.state === "shutoff"
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} is shut off.`,
            remedy: "Start it: only a running VM migrates live.",
          }
        : undefined,
  },
  {
    // The guest must release the VF, and QEMU waits for that without end.
    id: "move-vm-not-paused",
    title: "The VM is not paused",
    source: "QEMU: migration/migration.c qemu_savevm_wait_unplug",
    ...refused,
    find: ({ vm }) =>
      vm.state === "paused"
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} is paused, so its guest cannot release a VF.`,
            remedy: "Resume it first.",
          }
        : undefined,
  },
  {
    id: "move-vm-once",
    title: "The VM runs on one host only",
    source: "libvirt: docs/kbase/locking.rst",
    ...refused,
    find: ({ vm }) =>
      vm.activeOn !== undefined && vm.activeOn.length > 1
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} is active on ${counted(vm.activeOn.length, "host")}: ${listed(vm.activeOn)}.`,
            remedy: `If a move is in progress, wait for it to finish; if one was interrupted, run \`vnic-failover recover ${shellWord(vm.name)}\`. Otherwise determine which instance is valid, and destroy the others: VMs that run twice corrupt their disks.`,
          }
        : undefined,
  },
  {
    id: "move-vm-name-once",
    title: "No host that the move concerns has another VM of the same name",
    source: "libvirt: src/conf/virdomainobjlist.c virDomainObjListAddLocked",
    ...refused,
    find: ({ vm, destination }) =>
      (vm.namesakes ?? [])
        .filter(({ host, active }) => active || host === destination.name)
        .map(({ host, uuid }) => ({
          property: "vm",
          message: `Host ${quoted(host)} has another VM named ${quoted(vm.name)} (UUID ${uuid}).`,
          remedy: "Rename one of the two VMs (virsh domrename).",
        })),
  },
  {
    id: "move-no-other-migration",
    title: "No other migration of the VM is running",
    source: `${qemuMigration} qemuMigrationJobStart`,
    ...refused,
    find: ({ vm }) =>
      vm.job !== undefined && migrations.includes(vm.job)
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} is already migrating (${vm.job}).`,
            remedy: "Wait for it to finish, or abort it with virsh domjobabort.",
          }
        : undefined,
  },
  {
    id: "move-no-other-job",
    title: "No snapshot, save, backup or other job of the VM is running",
    source: "libvirt: src/conf/virdomainjob.c virDomainObjBeginJob",
    ...refused,
    find: ({ vm }) =>
      vm.job !== undefined && vm.job !== "none" && !migrations.includes(vm.job)
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} is busy with another job (${vm.job}).`,
            remedy: "Wait for the job to finish.",
          }
        : undefined,
  },
  {
    id: "move-no-other-mover",
    title: "No other process is moving the VM",
    source: "the journal in the domain's metadata",
    ...refused,
    find: ({ vm }) =>
      vm.moveBegunBy === undefined
        ? undefined
        : {
            property: "vm",
            message: `VM ${quoted(vm.name)} is being moved by ${vm.moveBegunBy}.`,
            remedy: "Wait for that move to finish.",
          },
  },
  {
    id: "move-vm-status",
    title: "The VM is in a status in which the engine can migrate it",
    source: `${vmValidator} canMigrate`,
    ...refused,
    find: ({ vm }) =>
      vm.unmovableStatus === undefined
        ? undefined
        : {
            property: "vm",
            message: `VM ${quoted(vm.name)} is in status ${vm.unmovableStatus}, in which the engine cannot migrate it.`,
            remedy: "Wait until it is up, or start or resume it.",
          },
  },
];

// --- the hosts

const theHosts: readonly PlacementRule[] = [
  {
    id: "move-destination-known",
    title: "The destination is a host of the cluster",
    source: "vnic-failover:cluster",
    ...refused,
    find: ({ destination }) =>
      destination.configured === false
        ? {
            property: "host",
            message: `The cluster has no host ${quoted(destination.name)}.`,
            remedy:
              destination.configuredHosts === undefined
                ? "Choose a host of vnic-failover:cluster, or add this one there."
                : suggestion("Hosts", destination.name, destination.configuredHosts),
          }
        : undefined,
  },
  {
    id: "move-hosts-answer",
    title: "Source and destination answer",
    source: "libvirt: docs/uri.rst",
    ...refused,
    find: (facts) =>
      bothHosts(facts).flatMap((host) =>
        host.answers === false
          ? {
              property: "host",
              message: `${host.unreachable?.why ?? `Host ${quoted(host.name)} does not answer`}.`,
              remedy:
                host.unreachable?.remedy ??
                "Check that the host is up, its SSH host key is in known_hosts, and libvirt's socket is available.",
            }
          : [],
      ),
  },
  {
    id: "move-host-up",
    title: "The destination is up, according to the engine",
    source: "ovirt-engine: MigrateVmToServerCommand.java",
    ...refused,
    find: ({ destination: { name, status } }) =>
      status === undefined || status === "up"
        ? undefined
        : {
            property: "host",
            message: `Host ${quoted(name)} is in status ${status}, and the engine migrates only to hosts that are up.`,
            remedy: "Activate it, or choose another host.",
          },
  },
  {
    id: "move-host-uuids-differ",
    title: "Source and destination have different UUIDs",
    source: "libvirt: src/qemu/qemu_migration_cookie.c qemuMigrationCookieXMLParse",
    ...refused,
    find: ({ source, destination }) =>
      source?.uuid !== undefined && source.uuid === destination.uuid && source.name !== destination.name
        ? {
            property: "host",
            message: `Hosts ${listed([source.name, destination.name])} have the same UUID, ${source.uuid}: libvirt treats them as the same host.`,
            remedy: "Set host_uuid in libvirtd.conf (or virtqemud.conf) of one of them.",
          }
        : undefined,
  },
  {
    id: "move-tls-forced",
    title: "A move between hosts that take and send VMs by TLS alone is made with TLS",
    source: "libvirt: src/qemu/qemu_migration.c qemuMigrationDstPrepareAny, migrate_tls_force",
    ...refused,
    find: ({ source, destination }) => {
      const forced = [source, destination].flatMap((host) => (host?.tlsForced === true ? host.name : []));
      if (forced.length === 0) return undefined;
      const [who, whose] =
        forced.length === 1
          ? ["Host", "takes and sends VMs by TLS alone (migrate_tls_force in its"]
          : ["Hosts", "take and send VMs by TLS alone (migrate_tls_force in their"];
      return {
        property: "migration",
        message: `${who} ${listed(forced)} ${whose} qemu.conf).`,
        remedy: "Set tls: true in the placement's migration (--tls).",
      };
    },
  },
  {
    id: "move-libvirt-version",
    title: "libvirt is 7.0 or newer on both hosts",
    source: "ovirt-engine: commit 2813c6480a7, which names the floor",
    ...refused,
    find: onBothHosts(({ name, libvirtVersion }) => tooOld(name, "libvirt", libvirtVersion)),
  },
  {
    id: "move-qemu-version",
    title: "QEMU is 5.2 or newer on both hosts",
    source: "ovirt-engine: commit 2813c6480a7, which names the floor",
    ...refused,
    find: onBothHosts(({ name, qemuVersion }) => tooOld(name, "QEMU", qemuVersion)),
  },
];

// --- what the destination has for the VM

const fitness: readonly PlacementRule[] = [
  {
    id: "move-destination-not-in-maintenance",
    title: "The destination is not under maintenance",
    source: "vnic-failover:cluster, hosts.<name>.maintenance",
    ...refused,
    find: ({ destination }) =>
      destination.maintenance === true
        ? {
            property: "host",
            message: `Host ${quoted(destination.name)} is under maintenance, so no VM is moved to it.`,
            remedy: `Choose another host, or end its maintenance: set hosts.${destination.name}.maintenance of vnic-failover:cluster to false.`,
          }
        : undefined,
  },
  {
    // libvirt's comparison knows no feature that only KVM provides; libvirt itself judges when the destination starts its QEMU.
    id: "move-cpu-compatible",
    title: "The destination's CPU has every feature of the VM's CPU",
    source: "libvirt: virConnectCompareCPU",
    ...warnedOf,
    find: ({ vm, destination, cpu }) =>
      cpu === "incompatible"
        ? {
            property: "host",
            message: `The CPU of host ${quoted(destination.name)} lacks features that VM ${quoted(vm.name)} has, by libvirt's comparison.`,
            remedy:
              "If the migration fails for that, give the VM a named CPU model that both hosts support, or choose another host.",
          }
        : undefined,
  },
  {
    id: "move-passthrough-ready",
    title: "The destination has its IOMMU on and vfio loaded",
    source: "libvirt: src/hypervisor/virhostdev.c virHostdevHostSupportsPassthroughVFIO",
    ...refused,
    find: ({ vm, destination }) =>
      destination.passthrough === false && withVf(vm).length > 0
        ? {
            property: "host",
            message: `Host ${quoted(destination.name)} can't assign VFs to VM ${quoted(vm.name)}: it has no IOMMU groups, or no /dev/vfio/vfio.`,
            remedy:
              "Enable the IOMMU (in the firmware, and with intel_iommu=on on the kernel command line), and load vfio-pci.",
          }
        : undefined,
  },
];

// --- networks and VFs on the destination

const theNetworks: readonly PlacementRule[] = [
  {
    // Without its network no VF of the destination can be chosen, and libvirt would pass the source's PCI address on.
    id: "move-vf-of-known-network",
    title: "The PF of every VF belongs to a network of the configuration",
    source: "vnic-failover:cluster, networks.<name>.physicalFunctions",
    ...refused,
    find: onEachVf(({ networks }, vf, { source }) =>
      networks.length > 0
        ? undefined
        : {
            message: `${vf} belongs to no network of vnic-failover:cluster: no network lists its PF${source === undefined ? "" : ` on host ${quoted(source.name)}`} in physicalFunctions.`,
            remedy: "Add the PF, by its name on that host, to physicalFunctions of the VF's network.",
          },
    ),
  },
  {
    id: "move-hostdev-settings",
    title: "Hosts allow commands where a VF is a <hostdev>, whose MAC and VLAN libvirt does not set",
    source: "libvirt: docs/formatdomain.rst, Teaming a virtio/hostdev NIC pair",
    ...refused,
    find: onEachVf(({ setByHosts, settingsRead }, vf, { source, destination }) => {
      if (setByHosts !== true) return undefined;
      const unable = [
        ...(settingsRead === false ? [source?.name ?? "the VM's host"] : []),
        ...(destination.runsCommands === false ? [destination.name] : []),
      ];
      return unable.length === 0
        ? undefined
        : {
            message: `${vf} is a <hostdev>, whose MAC and VLAN libvirt does not set; setting them needs commands, which cannot be run on ${listed(unable)}.`,
            remedy:
              "Connect to the hosts with SSH and set hostCommands of vnic-failover:cluster to true, or make the VF an <interface type='hostdev'>.",
          };
    }),
  },
  {
    id: "move-vf-vlan-of-network",
    title: "Every VF has the VLAN of its network",
    source: "libvirt: src/hypervisor/virhostdev.c virHostdevSetNetConfig",
    ...refused,
    find: onEachVf(({ networks, vlans, fitting, settingsRead }, vf) =>
      networks.length === 0 || fitting.length > 0 || settingsRead === false
        ? undefined
        : {
            message: `${vf} has ${spelledVlans(vlans)}, but ${networks.map(({ name, vlan }) => `network ${quoted(name)} has ${spelledVlans(vlan === undefined ? undefined : [vlan])}`).join(", ")}.`,
            remedy: "Set vlan of its network in vnic-failover:cluster to the VF's, or give the VF the network's VLAN.",
          },
    ),
  },
  {
    id: "move-vf-of-one-network",
    title: "The PF and VLAN of a VF identify its network",
    source: "vnic-failover:cluster, networks.<name>.vlan",
    ...refused,
    find: onEachVf(({ fitting }, vf) =>
      fitting.length < 2
        ? undefined
        : {
            message: `${vf} fits networks ${listed(fitting)}: its PF and VLAN do not identify one of them.`,
            remedy: "Take the VF over with a VmInterface that has adopt: true and a profile of its network.",
          },
    ),
  },
  {
    // No host can get it then, and the engine answers a migration with a failure that names nothing.
    id: "move-standby-network-in-cluster",
    title: "The VM's cluster has every standby's network",
    source: "ovirt-engine: NetworkPolicyUnit.java findFailoverNetworkNotConnected",
    ...refused,
    find: ({ vm, clusterNetworks }) =>
      distinct(vm.interfaces ?? [], ({ standbyNetwork }) => standbyNetwork)
        .filter((network) => clusterNetworks?.includes(network) === false)
        .map((network) => ({
          property: "vm",
          message: `Network ${quoted(network)}, which a standby of VM ${quoted(vm.name)} uses, is not attached to the VM's cluster, so the engine cannot migrate the VM.`,
          remedy: "Attach the network to the cluster and to its hosts in the Administration Portal.",
        })),
  },
  {
    id: "move-standby-network",
    title: "The destination has every standby's network, and its bridge",
    engineId: "VAR__DETAIL__NETWORK_MISSING",
    engineText: "network(s) ${networkNames} are missing",
    source: "ovirt-engine: NetworkPolicyUnit.java findFailoverNetworkNotConnected",
    ...refusedByEngineToo,
    find: ({ vm, destination, clusterNetworks }) =>
      distinct(vm.interfaces ?? [], ({ standbyNetwork }) => standbyNetwork).flatMap((name) => {
        const network = networkOn(destination, name);
        // What the cluster lacks the host lacks as well: that is another rule's.
        if (destination.networks === undefined || clusterNetworks?.includes(name) === false) return [];
        const lack =
          network?.bridge === undefined
            ? `no bridge for network ${quoted(name)}`
            : network.bridgeExists === false
              ? `no bridge ${quoted(network.bridge)} (network ${quoted(name)})`
              : undefined;
        return lack === undefined
          ? []
          : {
              property: "host",
              message: `Host ${quoted(destination.name)} has ${lack}, which a virtio interface of VM ${quoted(vm.name)} needs.`,
              remedy: "Add the bridge to the host, or choose another host.",
            };
      }),
  },
  {
    id: "move-vf-network",
    title: "The destination has physical functions for every VF's network",
    engineId: "VAR__DETAIL__NO_SUITABLE_VF",
    engineText: "there are no free virtual functions which are suitable for virtual nic(s) ${vnicNames}.",
    source: "ovirt-engine: VfSchedulerImpl.java validatePassthroughVnics",
    ...refusedByEngineToo,
    find: ({ vm, destination }) =>
      vfNetworks(vm).flatMap((name) =>
        destination.networks !== undefined && (networkOn(destination, name)?.physicalFunctions ?? []).length === 0
          ? {
              property: "host",
              message: `Host ${quoted(destination.name)} has no physical function for network ${quoted(name)} of VM ${quoted(vm.name)}.`,
              remedy: "Set physicalFunctions of the network for that host, or choose another host.",
            }
          : [],
      ),
  },
  {
    id: "move-vfs-known",
    title: "libvirt on both hosts knows their VFs",
    source: "libvirt: src/hypervisor/domain_driver.c virDomainDriverNodeDeviceDetachFlags",
    ...refused,
    find: ({ source, destination }) =>
      [source, destination].flatMap((host) =>
        host?.devicesUnknown === undefined
          ? []
          : {
              property: host === source ? "vm" : "host",
              message: `${host.devicesUnknown.why}.`,
              remedy: `${host.devicesUnknown.remedy.replace(/\.$/, "")}.`,
            },
      ),
  },
  {
    id: "move-pf-up",
    title: "A physical function of every VF's network is up",
    source: "libvirt: src/util/virnetdev.c virNetDevSaveNetConfig",
    ...refused,
    find: ({ vm, destination }) =>
      vfNetworks(vm).flatMap((name) => {
        const functions = networkOn(destination, name)?.physicalFunctions ?? [];
        return functions.length > 0 && functions.every(({ up }) => up === false)
          ? {
              property: "host",
              message: `On host ${quoted(destination.name)}, ${functions.length === 1 ? "PF" : "PFs"} ${listed(functions.map((pf) => pf.name))} of network ${quoted(name)} ${functions.length === 1 ? "is" : "are"} down.`,
              remedy: "Bring the link up (ip link set DEV up, and the cable), or choose another host.",
            }
          : [];
      }),
  },
  {
    id: "move-free-vfs",
    title: "The destination has a free VF of the right network for each VF of the VM",
    engineId: "VAR__DETAIL__NO_SUITABLE_VF",
    engineText: "there are no free virtual functions which are suitable for virtual nic(s) ${vnicNames}.",
    source: "ovirt-engine: VfSchedulerImpl.java validatePassthroughVnics",
    ...refusedByEngineToo,
    find: (facts) => {
      const { vm, destination } = facts;
      const unserved = withoutFreeVf(vm, destination);
      return distinct(unserved, ({ vfNetwork }) => vfNetwork).map((network) => {
        const names = unserved.filter(({ vfNetwork }) => vfNetwork === network).map(({ name }) => name);
        return {
          property: "host",
          message: `Host ${quoted(destination.name)} has too few free VFs of network ${quoted(network)} for VM ${quoted(vm.name)}: none is left for ${listed(names)}.${whyHeld(destination, network)}`,
          remedy: "Free VFs there, enable more on the physical function, or choose another host.",
        };
      });
    },
  },
  {
    // A bridge forwards no frame that is larger than what its port takes.
    id: "move-mtu",
    title: "A standby's bridge on the destination has at least the MTU of the guest",
    source: "Linux: net/core/dev.c __is_skb_forwardable",
    ...refused,
    estimate: true,
    find: ({ vm, source, destination }) =>
      (vm.interfaces ?? []).flatMap(({ name, mtu, standbyNetwork = "" }) => {
        const there = networkOn(destination, standbyNetwork);
        // Without an MTU of its own the guest may have any that its bridge carries.
        const needed = mtu ?? (source && networkOn(source, standbyNetwork)?.mtu);
        if (there?.mtu === undefined || needed === undefined || there.mtu >= needed) return [];
        return {
          property: "host",
          message: `${mtu === undefined ? `Network ${quoted(standbyNetwork)}` : `Interface ${quoted(name)} of VM ${quoted(vm.name)}`} has MTU ${needed}${mtu === undefined ? ` on host ${quoted(source?.name ?? "")}` : ""}, but network ${quoted(standbyNetwork)} has MTU ${there.mtu} on host ${quoted(destination.name)}.`,
          remedy: `Set the MTU of the bridge on the destination to at least ${needed}.`,
        };
      }),
  },
  {
    // The guest's driver then refuses the VF, and goes on with the standby alone.
    id: "move-pf-mtu",
    title: "Each VF network has a PF on the destination with at least the MTU of the guest",
    source: "Linux: drivers/net/net_failover.c net_failover_slave_register",
    ...warnedOf,
    find: ({ vm, destination }) =>
      withVf(vm).flatMap(({ name, mtu, vfNetwork = "" }) => {
        const functions = networkOn(destination, vfNetwork)?.physicalFunctions ?? [];
        const small = functions.filter((pf) => mtu !== undefined && pf.mtu !== undefined && pf.mtu < mtu);
        return small.length === 0 || small.length < functions.length
          ? []
          : {
              property: "host",
              message: `Interface ${quoted(name)} of VM ${quoted(vm.name)} has MTU ${mtu ?? 0}, but on host ${quoted(destination.name)} PF ${listed(small.map((pf) => pf.name))} of network ${quoted(vfNetwork)} has MTU ${Math.max(...small.map((pf) => pf.mtu ?? 0))}: the guest may refuse the VF.`,
              remedy: `Set the MTU of the PF on the destination to at least ${mtu ?? 0}.`,
            };
      }),
  },
  {
    // The NIC's internal switch gives frames for the VF's MAC to the VF, also while the guest listens on the standby.
    id: "move-standby-uplink-apart",
    title: "The standby's bridge does not use the VF's own physical function as its uplink",
    source: "Linux: Documentation/networking/net_failover.rst, the VF's MAC filter",
    ...warnedOf,
    find: ({ vm, destination }) =>
      (vm.interfaces ?? []).flatMap(({ name, vfNetwork, standbyNetwork }) => {
        const functions = vfNetwork === undefined ? [] : (networkOn(destination, vfNetwork)?.physicalFunctions ?? []);
        const uplinks =
          standbyNetwork === undefined ? [] : (networkOn(destination, standbyNetwork)?.bridgeUplinks ?? []);
        const common = functions.find((pf) => uplinks.includes(pf.name));
        return common === undefined
          ? []
          : {
              property: "host",
              message: `On host ${quoted(destination.name)} the VF of interface ${quoted(name)} and its standby share PF ${quoted(common.name)}: traffic to the guest is lost from the plugging of the VF until the guest's driver is up.`,
              remedy: "Give the standby's bridge an uplink of its own.",
            };
      }),
  },
];

// --- what can't come along

const theBaggage: readonly PlacementRule[] = [
  {
    id: "move-passthrough-migratable",
    title: "Every passthrough interface is migratable",
    engineId: "ACTION_TYPE_FAILED_MIGRATION_OF_NON_MIGRATABLE_PASSTHROUGH_VNICS_IS_NOT_SUPPORTED",
    engineText:
      "Cannot ${action} ${type}. Migration is not supported for VMs containing 'non migratable' 'passthrough' VM Network Interfaces (VM: ${vmName}, problematic interfaces: ${interfaces}). You can mark VM Network Interfaces as migratable or unplug it to be able to migrate.",
    source: `${vmValidator} allPassthroughVnicsMigratable`,
    ...refusedByEngineToo,
    find: ({ vm }) => {
      const fixed = withVf(vm).filter(({ migratable }) => migratable === false);
      return fixed.length > 0
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} has passthrough interfaces that are not migratable: ${listed(fixed.map(({ name }) => name))}.`,
            remedy: "Set migratable to true in their profile, or unplug them.",
          }
        : undefined;
    },
  },
  {
    id: "move-vf-has-standby",
    title: "Every VF has a standby; otherwise the VM loses that network during the move",
    source: featurePage,
    ...warnedOf,
    find: ({ vm }) => {
      const alone = withVf(vm).filter(({ standbyNetwork }) => standbyNetwork === undefined);
      return alone.length > 0
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} has VFs without a standby, which will have no network during the move: ${listed(alone.map(({ name }) => name))}.`,
            remedy: "Give their profile a failover.",
          }
        : undefined;
    },
  },
  {
    id: "move-standby-link-up",
    title: "Every standby's link is up; otherwise the VM loses that network during the move",
    source: "ovirt-engine: LibvirtVmXmlBuilder.java writeInterface",
    ...warnedOf,
    find: ({ vm }) => {
      const down = withVf(vm).filter((nic) => nic.standbyNetwork !== undefined && nic.standbyLinkUp === false);
      return down.length > 0
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} has standbys whose link is down: ${listed(down.map(({ name }) => name))}.`,
            remedy: "Bring them up with virsh domif-setlink before the move.",
          }
        : undefined;
    },
  },
  {
    id: "move-no-other-host-device",
    title: "The VM has no host device that can't migrate",
    source: `${qemuMigration} qemuMigrationSrcIsAllowedHostdev`,
    ...refused,
    find: ({ vm }) =>
      vm.blockingDevices !== undefined && vm.blockingDevices.length > 0
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} has host devices that can't migrate: ${listed(vm.blockingDevices)}.`,
            remedy: "Detach them first.",
          }
        : undefined,
  },
];

// --- the guest

const theGuest: readonly PlacementRule[] = [
  {
    id: "move-guest-kernel",
    title: "A Linux guest's kernel is 4.18 or newer: older ones have no net_failover",
    source: `${featurePage}, Limitations`,
    ...refused,
    estimate: true,
    find: ({ vm }) =>
      needsFailover(vm) && vm.guest?.os !== "windows" && isBelow(vm.guest?.kernel ?? "", [4, 18]) === true
        ? {
            property: "vm",
            message: `The guest of VM ${quoted(vm.name)} has kernel ${vm.guest?.kernel ?? ""}, which has no net_failover.`,
            remedy: "Use RHEL 8's kernel 4.18 in the guest, or 5.10 or newer.",
          }
        : undefined,
  },
  {
    id: "move-guest-kernel-tested",
    title: "A Linux guest's kernel is RHEL 8's, or 5.10 or newer: between them it is not known to work",
    source: `${featurePage}, Limitations`,
    ...warnedOf,
    find: ({ vm }) => {
      const kernel = vm.guest?.kernel ?? "";
      return needsFailover(vm) &&
        vm.guest?.os !== "windows" &&
        isBelow(kernel, [4, 18]) === false &&
        isBelow(kernel, [5, 10]) === true &&
        !kernel.includes(".el8")
        ? {
            property: "vm",
            message: `The guest of VM ${quoted(vm.name)} has kernel ${kernel}, for which net_failover is not known to work.`,
            remedy: "Use RHEL 8's kernel 4.18 in the guest, or 5.10 or newer.",
          }
        : undefined;
    },
  },
  {
    id: "move-guest-virtio-drivers",
    title: "A Windows guest's VirtIO network driver is of 0.1.189 or newer",
    source: `${featurePage}, Limitations`,
    ...refused,
    estimate: true,
    find: ({ vm }) =>
      needsFailover(vm) && isBelow(vm.guest?.virtioDrivers ?? "", [0, 1, 189]) === true
        ? {
            property: "vm",
            message: `The guest of VM ${quoted(vm.name)} has VirtIO drivers ${vm.guest?.virtioDrivers ?? ""}, which do not support failover.`,
            remedy: "Install virtio-win 0.1.189 or newer, with its protocol driver VIOPROT.",
          }
        : undefined,
  },
  {
    id: "move-guest-agent",
    title: "The guest agent reports whether the guest supports failover",
    source: `${featurePage}, Limitations`,
    ...warnedOf,
    find: ({ vm }) =>
      needsFailover(vm) && vm.guest?.agent === false
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} has no guest agent that answers, so it is unknown whether its guest supports failover.`,
            remedy:
              "Install qemu-guest-agent, or make sure that the guest has RHEL 8's kernel 4.18, kernel 5.10 or newer, or VirtIO drivers 0.1.189 or newer.",
          }
        : undefined,
  },
];

const rulesOfMoves: readonly PlacementRule[] = [
  ...fitness,
  ...memoryRules,
  ...theNetworks,
  ...attachmentRules,
  ...migrationPortRules,
  ...theBaggage,
  ...judgementRules,
  ...theGuest,
];

export const placementRules: readonly PlacementRule[] = [
  ignoringRule(() => estimates),
  ...theVm,
  ...theHosts,
  ...rulesOfMoves.map(forMovesOnly),
];

/** Ids of the rules that may be set aside. */
export const estimates: readonly string[] = placementRules
  .filter(({ estimate }) => estimate === true)
  .map(({ id }) => id);

/** A VM that is there already needs nothing more of the host: what it has is not free, and need not be. */
function forMovesOnly(rule: PlacementRule): PlacementRule {
  return { ...rule, find: (facts) => (isAlreadyThere(facts) ? undefined : rule.find(facts)) };
}

// --- what the rules ask

/** As libvirt calls these jobs (src/conf/virdomainjob.c). */
const migrations: readonly string[] = ["migration in", "migration out"];

function isAlreadyThere({ source, destination }: PlacementFacts): boolean {
  return source?.name === destination.name;
}

function bothHosts(facts: PlacementFacts): HostFacts[] {
  const { source, destination } = facts;
  return source === undefined || isAlreadyThere(facts) ? [destination] : [source, destination];
}

function onBothHosts(find: (host: HostFacts) => Omit<Finding, "property"> | undefined): PlacementRule["find"] {
  return (facts) =>
    bothHosts(facts).flatMap((host) => {
      const found = find(host);
      return found === undefined ? [] : { property: "host", ...found };
    });
}

type FindOnVf = (vf: VfOfInterface, label: string, facts: PlacementFacts) => Omit<Finding, "property"> | undefined;

/** Looks at each VF of the VM. */
function onEachVf(find: FindOnVf): PlacementRule["find"] {
  return (facts) =>
    (facts.vm.interfaces ?? []).flatMap((nic) => {
      if (nic.vf === undefined) return [];
      const label = `VF ${nic.vf.address} of interface ${quoted(nic.name)} of VM ${quoted(facts.vm.name)}`;
      const found = find(nic.vf, label, facts);
      return found === undefined ? [] : { property: "vm", ...found };
    });
}

function spelledVlans(vlans: readonly number[] = []): string {
  const tags = vlans.filter((tag) => tag !== 0);
  return tags.length === 0 ? "no VLAN" : `${tags.length === 1 ? "VLAN" : "VLANs"} ${tags.join(", ")}`;
}

function withVf({ interfaces }: MovingVm): MovingInterface[] {
  return (interfaces ?? []).filter(({ vfNetwork }) => vfNetwork !== undefined);
}

function needsFailover(vm: MovingVm): boolean {
  return withVf(vm).some(({ standbyNetwork }) => standbyNetwork !== undefined);
}

function distinct(
  interfaces: readonly MovingInterface[],
  network: (nic: MovingInterface) => string | undefined,
): string[] {
  return [...new Set(interfaces.map(network).filter((name) => name !== undefined))];
}

function vfNetworks(vm: MovingVm): string[] {
  return distinct(vm.interfaces ?? [], ({ vfNetwork }) => vfNetwork);
}

function networkOn({ networks }: HostFacts, name: string): NetworkOnHost | undefined {
  return networks?.find((network) => network.name === name);
}

/**
 * The interfaces that are left without VF when as many as possible get one: networks may share physical functions, so
 * counting network by network does not do. An interface whose network has no function that is up is not among them,
 * another rule has it; nor is one whose network has a function that did not tell its VFs.
 */
function withoutFreeVf(vm: MovingVm, destination: HostFacts): MovingInterface[] {
  const usable = ({ vfNetwork }: MovingInterface): readonly PhysicalFunction[] =>
    (networkOn(destination, vfNetwork ?? "")?.physicalFunctions ?? []).filter(({ up }) => up !== false);
  const takers = withVf(vm).filter((nic) => usable(nic).length > 0);
  // Where a network has only some of a function's VFs, each is counted by itself.
  const sources = ({ name, freeVfs = Infinity, free }: PhysicalFunction): readonly (readonly [string, number])[] =>
    free === undefined ? [[name, freeVfs]] : free.map((vf) => [vf, 1]);
  const counts = new Map(takers.flatMap(usable).flatMap(sources));
  const given = matchVfs(
    takers.map((nic) =>
      usable(nic)
        .flatMap(sources)
        .map(([source]) => source),
    ),
    (source) => counts.get(source) ?? 0,
  );
  return takers.filter((_, index) => given[index] === undefined);
}

/** The most VFs whose cause is told: a PF may have a hundred. */
const mostHeld = 8;

/** Why the network's VFs there are not free, a sentence each. */
function whyHeld(destination: HostFacts, network: string): string {
  const functions = networkOn(destination, network)?.physicalFunctions ?? [];
  const missing = functions.flatMap(({ name, missing }) =>
    missing === true ? [`The host has no physical function ${quoted(name)}.`] : [],
  );
  const held = functions.flatMap((pf) => pf.held ?? []).map((why) => `${why}.`);
  const rest = held.length > mostHeld ? [`${held.length - mostHeld} more are not free.`] : [];
  return [...missing, ...held.slice(0, mostHeld), ...rest].map((sentence) => ` ${sentence}`).join("");
}

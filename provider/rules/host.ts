/** What a host needs so that moves can be, one row each: `vnic-failover doctor` with libvirt. */
import { shellWord } from "../model/shell-word.js";
import type { Finding, Rule } from "./rule.js";
import { tooOld } from "./version.js";
import { counted, listed, quoted } from "./wording.js";

export interface ClusterHealth {
  readonly hosts: readonly HostHealth[];
  /** Profiles that some hosts lack or have otherwise. */
  readonly unevenProfiles: readonly { readonly name: string; readonly differsOn: readonly string[] }[];
}

export type HostHealth = UnreachableHost | AnsweringHost;

export interface UnreachableHost {
  readonly name: string;
  readonly answers: false;
  /** In the words of the attempt, without a full stop. */
  readonly why: string;
  readonly remedy: string | undefined;
}

/** `Pf`: what is known of a PF; by default what the rules look at. */
export interface AnsweringHost<Pf = PfHealth> {
  readonly name: string;
  readonly answers: true;
  readonly uuid: string | undefined;
  /** major × 1,000,000 + minor × 1,000 + release. */
  readonly libvirtVersion: number;
  readonly qemuVersion: number;
  /** Undefined: libvirt does not say. */
  readonly iommu: boolean | undefined;
  readonly networks: readonly NetworkHealth<Pf>[];
  /** VMs that would not start again there. Default: none. */
  readonly unstartable?:
    readonly { readonly vm: string; readonly autostart: boolean; readonly why: string }[] | undefined;
  /** The parts of libvirt that it lacks. Default: none. */
  readonly missingDrivers?:
    readonly { readonly driver: string; readonly why: string; readonly remedy: string }[] | undefined;
}

/** A network of the configuration, as the host has it. */
export interface NetworkHealth<Pf = PfHealth> {
  readonly name: string;
  /** As configured, bytes. */
  readonly mtu: number | undefined;
  readonly bridge: BridgeHealth | undefined;
  readonly physicalFunctions: readonly Pf[];
}

export interface BridgeHealth {
  readonly name: string;
  /** `unknown`: the host has no way to say. */
  readonly there: boolean | "unknown";
  /** Bytes. */
  readonly mtu?: number | undefined;
  readonly ports?: readonly string[] | undefined;
}

export interface PfHealth {
  /** With the network's range of its VFs, where it has one. */
  readonly name: string;
  /** Undefined: the host has no such interface, or it is no PF; `unknown`: it cannot tell. */
  readonly found: FoundPf | "unknown" | undefined;
  /** Why VFs that no VM has are not free, a sentence without full stop each. */
  readonly heldIdle: readonly string[];
}

interface FoundPf {
  readonly linkUp: boolean;
  readonly virtualFunctions: readonly VfHealth[];
}

export interface VfHealth {
  readonly address: string;
  readonly driver: string | undefined;
  readonly free: boolean;
  readonly sharesIommuGroup: boolean;
  /** Bound for a VM by a process that died, and in no VM and no move. */
  readonly leftBehind?:
    | {
        readonly vm: string;
        /** libvirt's names of the VF, and of the network that claims it. */
        readonly nodeDevice: string;
        readonly claim: string;
      }
    | undefined;
}

type HostRule = Rule<ClusterHealth>;
type Found = readonly Finding[];

const error = { checkedAt: ["doctor"], severity: "error" } as const;
const warning = { checkedAt: ["doctor"], severity: "warning" } as const;

export const hostRules: readonly HostRule[] = [
  {
    id: "host-answers",
    title: "Every host answers",
    source: "libvirt: docs/uri.rst",
    ...error,
    find: ({ hosts }) =>
      hosts.flatMap((host) =>
        host.answers
          ? []
          : {
              message: `${host.why}.`,
              remedy: host.remedy ?? "Check that the host is up and that libvirt runs there.",
            },
      ),
  },
  {
    id: "host-uuids-differ",
    title: "No two hosts have the same UUID",
    source: "libvirt: src/qemu/qemu_migration_cookie.c qemuMigrationCookieXMLParse",
    ...error,
    find: ({ hosts }) => {
      const known = hosts.filter(answering);
      return [...new Set(known.map(({ uuid }) => uuid))].flatMap((uuid) => {
        const same = known.filter((host) => host.uuid === uuid);
        return uuid === undefined || same.length < 2
          ? []
          : {
              message: `Hosts ${listed(same.map(({ name }) => name))} have the same UUID, ${uuid}: libvirt treats them as the same host.`,
              remedy: "Set host_uuid in libvirtd.conf (or virtqemud.conf) of all but one.",
            };
      });
    },
  },
  {
    id: "host-libvirt-version",
    title: "libvirt is 7.0 or newer",
    source: "ovirt-engine: commit 2813c6480a7, which names the floor",
    ...error,
    find: eachHost((host) => [tooOld(host.name, "libvirt", host.libvirtVersion) ?? []].flat()),
  },
  {
    id: "host-qemu-version",
    title: "QEMU is 5.2 or newer",
    source: "ovirt-engine: commit 2813c6480a7, which names the floor",
    ...error,
    find: eachHost((host) => [tooOld(host.name, "QEMU", host.qemuVersion) ?? []].flat()),
  },
  {
    id: "host-iommu",
    title: "The IOMMU is on where VFs are to be assigned",
    source: "libvirt: src/conf/capabilities.c virCapabilitiesHostInitIOMMU",
    ...error,
    find: eachHost((host) =>
      host.iommu === false && host.networks.some(({ physicalFunctions }) => physicalFunctions.length > 0)
        ? [
            {
              message: `Host ${quoted(host.name)} has no IOMMU enabled, so no VF can be assigned to a VM.`,
              remedy:
                "Enable VT-d or AMD-Vi in the firmware, and add intel_iommu=on to the kernel command line (Intel).",
            },
          ]
        : [],
    ),
  },
  {
    id: "host-devices-known",
    title: "libvirt knows the VFs of every host that has them for a network",
    source: "libvirt: src/hypervisor/domain_driver.c virDomainDriverNodeDeviceDetachFlags",
    ...error,
    find: eachHost((host) => missingOf(host, (driver) => driver === "nodedev" && hasPfs(host))),
  },
  {
    id: "host-drivers",
    title: "No part of libvirt is missing",
    source: "libvirt: src/remote/remote_daemon_dispatch.c remoteGetInterfaceConn, docs/daemons.rst",
    ...warning,
    find: eachHost((host) => missingOf(host, (driver) => !(driver === "nodedev" && hasPfs(host)))),
  },
  {
    id: "host-serves-network",
    title: "Every network has a bridge or physical functions on every host",
    source: "vnic-failover:cluster",
    ...warning,
    find: eachNetwork((host, { name, bridge, physicalFunctions }) =>
      bridge === undefined && physicalFunctions.length === 0
        ? [
            {
              message: `Network ${quoted(name)} has neither bridge nor physicalFunctions on host ${quoted(host.name)}.`,
              remedy: "Set one of them in vnic-failover:cluster, or remove the network.",
            },
          ]
        : [],
    ),
  },
  {
    id: "host-bridge",
    title: "The bridges exist",
    source: "ovirt-engine: NetworkPolicyUnit.java",
    ...error,
    find: eachNetwork((host, { name, bridge }) =>
      bridge?.there === false
        ? [
            {
              message: `Host ${quoted(host.name)} has no bridge ${quoted(bridge.name)} (network ${quoted(name)}).`,
              remedy: `Create it (ip link add ${bridge.name} type bridge) and attach its uplink, or correct the name in vnic-failover:cluster.`,
            },
          ]
        : [],
    ),
  },
  {
    id: "host-bridge-unseen",
    title: "The bridges can be checked",
    source: "libvirt: src/node_device/node_device_udev.c udevGetDeviceType leaves bridges out",
    ...warning,
    find: eachNetwork((host, { bridge }) =>
      bridge?.there === "unknown"
        ? [
            {
              message: `Host ${quoted(host.name)} cannot report whether it has bridge ${quoted(bridge.name)}.`,
              remedy:
                "Install libvirt's interface driver (libvirt-daemon-driver-interface), or allow hostCommands (with iproute2 on the host).",
            },
          ]
        : [],
    ),
  },
  {
    id: "host-bridge-mtu",
    title: "A bridge carries its network's MTU",
    source: "Linux: net/bridge/br_if.c, a bridge's MTU is its smallest port's",
    ...warning,
    find: eachNetwork((host, { name, mtu, bridge }) =>
      mtu !== undefined && bridge?.mtu !== undefined && bridge.mtu < mtu
        ? [
            {
              message: `Bridge ${quoted(bridge.name)} of host ${quoted(host.name)} has MTU ${bridge.mtu}, but network ${quoted(name)} needs ${mtu}.`,
              remedy: `Raise it (ip link set ${bridge.name} mtu ${mtu}, its ports first), or lower the network's mtu.`,
            },
          ]
        : [],
    ),
  },
  {
    id: "host-bridge-uplink",
    title: "A bridge has an uplink",
    source: "oVirt: a bridged network is attached to a host's NIC",
    ...warning,
    find: eachNetwork((host, { name, bridge }) =>
      bridge?.ports?.length === 0
        ? [
            {
              message: `Bridge ${quoted(bridge.name)} of host ${quoted(host.name)} has no ports, so network ${quoted(name)} has no uplink.`,
              remedy: `Attach an uplink (ip link set DEV master ${bridge.name}).`,
            },
          ]
        : [],
    ),
  },
  {
    id: "host-pf",
    title: "The physical functions exist, and have VFs",
    source: "Linux: Documentation/PCI/pci-iov-howto.rst",
    ...error,
    find: eachPf((host, network, { name, found }) => {
      if (found === "unknown") return [];
      if (found === undefined) {
        return [
          {
            message: `Host ${quoted(host.name)} has no physical function ${quoted(name)}, which network ${quoted(network.name)} names: no such interface, or one without SR-IOV.`,
            remedy: "Correct physicalFunctions in vnic-failover:cluster, or enable SR-IOV in the firmware and the NIC.",
          },
        ];
      }
      return found.virtualFunctions.length > 0
        ? []
        : [
            {
              message: `Physical function ${quoted(name)} of host ${quoted(host.name)} has no VFs.`,
              remedy: `Create VFs: echo N > /sys/class/net/${name}/device/sriov_numvfs.`,
            },
          ];
    }),
  },
  {
    id: "host-pf-up",
    title: "The physical functions are up",
    source: "libvirt: src/util/virnetdev.c virNetDevSaveNetConfig",
    ...error,
    find: eachPf((host, _network, { name, found }) =>
      found !== "unknown" && found?.linkUp === false
        ? [
            {
              message: `Physical function ${quoted(name)} of host ${quoted(host.name)} is down, so its VFs will not be assigned.`,
              remedy: `Bring it up (ip link set ${name} up), and check its cable.`,
            },
          ]
        : [],
    ),
  },
  {
    id: "host-vf-free",
    title: "A VF of every network is free",
    source: "ovirt-engine: VfSchedulerImpl.java",
    ...warning,
    find: eachNetwork((host, { name, physicalFunctions }) => {
      const vfs = physicalFunctions.flatMap(vfsIn);
      return vfs.length > 0 && !vfs.some(({ free }) => free)
        ? [
            {
              message: `None of the ${counted(vfs.length, "VF")} of network ${quoted(name)} on host ${quoted(host.name)} is free, so no VM with a VF of this network can move there.${causes(physicalFunctions)}`,
              remedy: "Free a VF, or create more (sriov_numvfs).",
            },
          ]
        : [];
    }),
  },
  {
    id: "host-vf-group",
    title: "Every VF is alone in its IOMMU group",
    source: "Linux: Documentation/driver-api/vfio.rst",
    ...warning,
    find: eachPf((host, _network, pf) => {
      const { name } = pf;
      const sharing = vfsIn(pf).filter(({ sharesIommuGroup }) => sharesIommuGroup);
      return sharing.length === 0
        ? []
        : [
            {
              message: `${counted(sharing.length, "VF")} of ${quoted(name)} on host ${quoted(host.name)} cannot be assigned: other devices in the same IOMMU group are in use.`,
              remedy: "Put the NIC into a slot behind a root port with ACS.",
            },
          ];
    }),
  },
  {
    id: "host-vf-left-behind",
    title: "No VF is left reserved by a process that died",
    source: "libvirt: virNodeDeviceDetachFlags",
    ...warning,
    find: eachHost((host) =>
      vfsOf(host).flatMap(({ address, driver, leftBehind }) =>
        leftBehind === undefined
          ? []
          : {
              message: `VF ${address} of host ${quoted(host.name)} is orphaned: it is bound to ${driver ?? "vfio"}, reserved for VM ${quoted(leftBehind.vm)} by a process that died, and no VM or move uses it.`,
              remedy: `Return it to the host's driver: virsh nodedev-reattach ${shellWord(leftBehind.nodeDevice)}; virsh net-undefine ${shellWord(leftBehind.claim)}`,
            },
      ),
    ),
  },
  {
    id: "vm-starts-again",
    title: "Every VM starts after a reboot of its host",
    source: "libvirt: src/hypervisor/virhostdev.c virHostdevPreparePCIDevicesImpl",
    ...warning,
    find: eachHost(({ name, unstartable = [] }) =>
      unstartable.map(({ vm, autostart, why }) => ({
        message: `VM ${quoted(vm)}${autostart ? ", which is set to autostart," : ""} would not start on host ${quoted(name)} after a reboot: ${why}.`,
        remedy: `In the definition (virsh edit ${shellWord(vm)}), set managed='yes' or choose another VF; or bind the VF at boot. A pair of this package gets managed='yes' with its next move.`,
      })),
    ),
  },
  {
    id: "profile-everywhere",
    title: "Every profile is the same on every host",
    source: "the profiles' libvirt networks",
    ...warning,
    find: ({ unevenProfiles }) =>
      unevenProfiles.map(({ name, differsOn }) => ({
        message: `Profile ${quoted(name)} is missing or different on ${listed(differsOn)}.`,
        remedy: "Run pulumi refresh, then pulumi up, in the stack that declares it.",
      })),
  },
];

// --- how the rows go through the hosts

function answering(host: HostHealth): host is AnsweringHost {
  return host.answers;
}

function eachHost(find: (host: AnsweringHost) => Found): HostRule["find"] {
  return ({ hosts }) => hosts.filter(answering).flatMap(find);
}

function eachNetwork(find: (host: AnsweringHost, network: NetworkHealth) => Found): HostRule["find"] {
  return eachHost((host) => host.networks.flatMap((network) => find(host, network)));
}

/** Each PF once, with the first network that names it. */
function eachPf(find: (host: AnsweringHost, network: NetworkHealth, pf: PfHealth) => Found): HostRule["find"] {
  return eachHost((host) =>
    pfsOfHost(host).flatMap((pf) => {
      const network = host.networks.find(({ physicalFunctions }) => physicalFunctions.includes(pf));
      return network === undefined ? [] : find(host, network, pf);
    }),
  );
}

/** Each PF of the host once, though networks may share it. */
export function pfsOfHost<Pf extends { readonly name: string }>({ networks }: AnsweringHost<Pf>): readonly Pf[] {
  const all = networks.flatMap(({ physicalFunctions }) => physicalFunctions);
  return all.filter((pf, index) => all.findIndex(({ name }) => name === pf.name) === index);
}

/** Every VF of the host's networks once, though networks may share PFs. */
function vfsOf(host: AnsweringHost): readonly VfHealth[] {
  const all = pfsOfHost(host).flatMap(vfsIn);
  return [...new Map(all.map((vf) => [vf.address, vf])).values()];
}

function vfsIn({ found }: PfHealth): readonly VfHealth[] {
  return found === undefined || found === "unknown" ? [] : found.virtualFunctions;
}

function hasPfs({ networks }: AnsweringHost): boolean {
  return networks.some(({ physicalFunctions }) => physicalFunctions.length > 0);
}

/** What the host does without it. */
const without: Readonly<Record<string, string>> = {
  interface: "Bridges are looked up with ip there, where hostCommands allow it.",
  network: "No vNIC profile can be kept there, and VFs are taken without a claim.",
  nodedev: "No VF of that host can be found.",
};

function missingOf({ missingDrivers = [] }: AnsweringHost, which: (driver: string) => boolean): Found {
  return missingDrivers
    .filter(({ driver }) => which(driver))
    .map(({ driver, why, remedy }) => ({ message: `${why}. ${without[driver] ?? ""}`.trim(), remedy }));
}

function causes(physicalFunctions: readonly PfHealth[]): string {
  return physicalFunctions.flatMap(({ heldIdle }) => heldIdle.map((why) => ` ${why}.`)).join("");
}

import { isMulticastMac, isZeroMac, sameMac } from "../model/mac.js";
import type { Finding, Rule } from "./rule.js";
import { counted, quoted } from "./wording.js";

/**
 * The failover pairs of a domain's XML. libvirt checks little of `<teaming>`, and QEMU checks the rest only when the
 * guest negotiates, with a line in its log: most of what stands here is accepted by both and does not work.
 */

export interface GuestAddress {
  /** `pci`, or another of libvirt's address types. */
  readonly type: string;
  readonly domain: number;
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
  /** `multifunction='on'`. */
  readonly multifunction?: boolean | undefined;
}

/** An `<interface>`, or a plain `<hostdev>`. */
export interface TeamingDevice {
  readonly kind: "interface" | "hostdev";
  /** Of an interface: `bridge`, `network`, `hostdev`, …; of a hostdev: `pci`, `usb`, `mdev`. */
  readonly type: string;
  readonly mac?: string | undefined;
  readonly alias?: string | undefined;
  readonly model?: string | undefined;
  readonly teaming?: { readonly type: string; readonly persistent?: string | undefined } | undefined;
  readonly guestAddress?: GuestAddress | undefined;
  /** The host's device, in any spelling that is one for each device. */
  readonly source?: string | undefined;
  /** The type of the `<address>` in a hostdev interface's `<source>`. */
  readonly sourceType?: string | undefined;
  /** What an interface of type network is on this host. */
  readonly actualType?: string | undefined;
  readonly driver?: string | undefined;
  readonly mtu?: number | undefined;
  readonly link?: string | undefined;
  readonly vlanTrunk?: boolean | undefined;
  readonly filter?: string | undefined;
  readonly bandwidth?: boolean | undefined;
}

export interface Controller {
  /** `pci`, `usb`, … */
  readonly type: string;
  readonly index: number;
  readonly model?: string | undefined;
  /** Whether devices come and go there while the VM runs. Default true. */
  readonly hotPlugs?: boolean | undefined;
}

export interface TeamingFacts {
  /** `pc-q35-9.2`, `q35`, `pc`, … */
  readonly machine?: string | undefined;
  /** In the order of the XML. */
  readonly interfaces: readonly TeamingDevice[];
  readonly controllers: readonly Controller[];
  /** What QEMU is told beside the XML that keeps its root ports from hot-plugging; undefined: nothing. */
  readonly hotPlugOption?: string | undefined;
}

type TeamingRule = Rule<TeamingFacts>;

const validate = "libvirt: src/conf/domain_validate.c";
const qemuValidate = "libvirt: src/qemu/qemu_validate.c qemuValidateDomainDeviceDefNetwork";
const teamingDocs = "libvirt: docs/formatdomain.rst, Teaming a virtio/hostdev NIC pair";
const failoverDevice = "QEMU: hw/net/virtio-net.c failover_hide_primary_device";
const primaryChecks = "QEMU: hw/pci/pci.c pci_qdev_realize";
const netFailover = "Linux: drivers/net/net_failover.c";

const refused = { checkedAt: ["check", "preflight"], severity: "error" } as const;
const warnedOf = { checkedAt: ["check", "preflight"], severity: "warning" } as const;

type Fault = (device: TeamingDevice, facts: TeamingFacts) => string | undefined;

// --- the form of <teaming>

const form: readonly TeamingRule[] = [
  {
    id: "teaming-type",
    title: "<teaming> is of type persistent or transient",
    source: "libvirt: src/conf/domain_conf.c virDomainNetTeamingInfoParseXML",
    ...refused,
    find: onEach(isTeamed, "Use type persistent on the standby, transient on the VF.", (device, facts) =>
      isStandby(device) || isPrimary(device)
        ? undefined
        : `${labelled(device, facts)} has teaming of type ${quoted(device.teaming?.type ?? "")}.`,
    ),
  },
  {
    id: "teaming-transient-names-standby",
    title: "A transient device names its standby",
    source: `${validate} virDomainNetDefValidate`,
    ...refused,
    find: onEach(isPrimary, "Set persistent='…' to the standby's alias.", (device, facts) =>
      partnersAlias(device) === undefined
        ? `${labelled(device, facts)} has <teaming type='transient'> without the standby's alias in persistent=.`
        : undefined,
    ),
  },
  {
    id: "teaming-persistent-names-nobody",
    title: "A persistent device names no other",
    source: `${validate} virDomainNetDefValidate`,
    ...refused,
    find: onEach(isStandby, "Remove its attribute persistent.", (device, facts) =>
      partnersAlias(device) === undefined
        ? undefined
        : `${labelled(device, facts)} has <teaming type='persistent'> and must not name another device, but names ${quoted(partnersAlias(device) ?? "")}.`,
    ),
  },
  {
    id: "teaming-standby-virtio",
    title: "The standby is a virtio interface",
    source: qemuValidate,
    ...refused,
    find: onEach(isStandby, "Set <model type='virtio'/> on an interface that is not a host device.", (device, facts) =>
      device.kind === "interface" && device.model?.startsWith("virtio") === true
        ? undefined
        : `${labelled(device, facts)} is a standby and must be a virtio interface, but ${standbysFault(device)}.`,
    ),
  },
  {
    id: "teaming-primary-hostdev",
    title: "The primary is a host device, or on a network that provides one",
    source: qemuValidate,
    ...refused,
    find: onEach(isPrimary, "Make it <interface type='hostdev'>.", (device, facts) =>
      device.kind === "interface" && !["hostdev", "network"].includes(device.type)
        ? `${labelled(device, facts)} is the VF of a pair and must be a host device, but has type ${quoted(device.type)}.`
        : undefined,
    ),
  },
  {
    id: "teaming-network-gives-hostdev",
    title: "The primary's network is of forward mode hostdev on this host: libvirt checks it only at start",
    source: "libvirt: src/qemu/qemu_domain.c qemuDomainValidateActualNetDef",
    ...refused,
    find: onEach(isPrimary, "Name a network of <forward mode='hostdev'>.", (device, facts) =>
      device.type === "network" && device.actualType !== undefined && device.actualType !== "hostdev"
        ? `${labelled(device, facts)} is the VF of a pair, but its libvirt network has forward mode ${quoted(device.actualType)}, not hostdev.`
        : undefined,
    ),
  },
  {
    id: "teaming-primary-pci",
    title: "The primary is a PCI device: libvirt accepts an interface with a USB source",
    source: `${validate} virDomainHostdevDefValidate`,
    ...refused,
    find: onEach(isPrimary, "Give it the PCI address of a VF.", (device, facts) => {
      const bus = device.kind === "hostdev" ? device.type : (device.sourceType ?? "pci");
      return bus === "pci"
        ? undefined
        : `${labelled(device, facts)} is the VF of a pair and must be a PCI device, but its source is ${quoted(bus)}.`;
    }),
  },
];

// --- who is paired with whom

const graph: readonly TeamingRule[] = [
  {
    id: "teaming-standby-alias",
    title: "The standby has an alias that begins with ua-: libvirt silently drops any other",
    source: "libvirt: src/conf/domain_conf.c virDomainDeviceAliasIsUserAlias",
    ...refused,
    find: onEach(isStandby, "Give it an alias such as ua-standby0.", (device, facts) =>
      isUserAlias(device.alias)
        ? undefined
        : `${labelled(device, facts)} is a standby and needs an alias that begins with ua-, but has ${device.alias === undefined ? "none" : `alias ${quoted(device.alias)}`}.`,
    ),
  },
  {
    id: "teaming-primary-alias",
    title: "The primary has an alias that begins with ua-: any other changes with each start",
    source: "libvirt: src/conf/domain_conf.c virDomainNetFindIdx",
    ...warnedOf,
    find: onEach(isPrimary, "Give it an alias such as ua-vf0.", (device, facts) =>
      isUserAlias(device.alias)
        ? undefined
        : `${labelled(device, facts)} is the VF of a pair and should have an alias that begins with ua-, but has ${device.alias === undefined ? "none" : `alias ${quoted(device.alias)}`}.`,
    ),
  },
  {
    id: "teaming-alias-unique",
    title: "No two devices have one alias",
    source: `${validate} virDomainDeviceDefValidateAliasesIterator`,
    ...refused,
    find: ({ interfaces }) =>
      repeated(interfaces, ({ alias }) => alias).map(([alias, devices]) => ({
        message: `Alias ${quoted(alias)} is given to ${devices.length} devices.`,
        remedy: "Give each device an alias of its own.",
      })),
  },
  {
    id: "teaming-not-itself",
    title: "A primary does not name itself",
    source: teamingDocs,
    ...refused,
    find: onEach(isPrimary, "Name the alias of the virtio interface.", (device, facts) =>
      device.alias !== undefined && device.alias === partnersAlias(device)
        ? `${labelled(device, facts)} names itself as its standby.`
        : undefined,
    ),
  },
  {
    // QEMU then neither unplugs the VF nor blocks the migration: hw/vfio/pci.c skips its blocker for any pair id.
    id: "teaming-standby-exists",
    title: "The standby that a primary names exists",
    source: teamingDocs,
    ...refused,
    find: onEach(
      isPrimary,
      "Name the alias of an interface of this domain, or add the standby.",
      (device, { interfaces }) => {
        const alias = partnersAlias(device);
        return alias !== undefined && interfaces.every((other) => other.alias !== alias)
          ? `${labelled(device, { interfaces })} names standby ${quoted(alias)}, which the domain does not have.`
          : undefined;
      },
    ),
  },
  {
    id: "teaming-standby-persistent",
    title: "What a primary names is a persistent device",
    source: teamingDocs,
    ...refused,
    find: onEach(isPrimary, "Give that interface <teaming type='persistent'/>.", (device, facts) => {
      const named = facts.interfaces.find(({ alias }) => alias !== undefined && alias === partnersAlias(device));
      return named === undefined || named === device || isStandby(named)
        ? undefined
        : `${labelled(device, facts)} names ${quoted(named.alias ?? "")} as its standby, which has no <teaming type='persistent'/>.`;
    }),
  },
  {
    id: "teaming-one-primary",
    title: "A standby has one primary",
    source: failoverDevice,
    ...refused,
    find: ({ interfaces }) =>
      repeated(interfaces.filter(isPrimary), partnersAlias).map(([alias, primaries]) => ({
        message: `Standby ${quoted(alias)} is named by ${counted(primaries.length, "primary device")}: ${primaries.map((device) => labelled(device, { interfaces })).join(", ")}.`,
        remedy: "Give each VF a standby of its own.",
      })),
  },
  {
    id: "teaming-standby-has-primary",
    title: "A standby has a primary, except while its VM moves",
    source: teamingDocs,
    ...warnedOf,
    find: onEach(isStandby, "Plug a VF, or remove <teaming> from the standby.", (device, facts) =>
      facts.interfaces.some(
        (other) => isPrimary(other) && device.alias !== undefined && partnersAlias(other) === device.alias,
      )
        ? undefined
        : `${labelled(device, facts)} is a standby without a primary.`,
    ),
  },
];

// --- MAC addresses: the guest pairs by them, libvirt does not compare them

const macs: readonly TeamingRule[] = [
  {
    id: "teaming-mac-given",
    title: "Both devices of a pair have an explicit MAC address: libvirt would generate a different one for each",
    source: teamingDocs,
    ...refused,
    find: onEach(isTeamed, "Set the pair's MAC address on both.", (device, facts) =>
      device.kind === "interface" && device.mac === undefined
        ? `${labelled(device, facts)} has no MAC address.`
        : undefined,
    ),
  },
  {
    id: "teaming-mac-not-zero",
    title: "No MAC address of a pair is zero: libvirt would generate a different one for each",
    source: teamingDocs,
    ...refused,
    find: onEach(isTeamed, "Set another address on both.", (device, facts) =>
      device.mac !== undefined && isZeroMac(device.mac)
        ? `${labelled(device, facts)} has MAC address 00:00:00:00:00:00: standby and VF would get different generated addresses, and the guest would not pair them.`
        : undefined,
    ),
  },
  {
    id: "teaming-mac-unicast",
    title: "No MAC address of a pair is multicast",
    source: "libvirt: src/conf/domain_conf.c virDomainNetDefParseXML",
    ...refused,
    find: onEach(isTeamed, "Set an address with an even first octet on both.", (device, facts) =>
      device.mac !== undefined && isMulticastMac(device.mac)
        ? `${labelled(device, facts)} has MAC address ${device.mac}, which is multicast.`
        : undefined,
    ),
  },
  {
    id: "teaming-macs-equal",
    title: "Both devices of a pair have the same MAC address",
    source: teamingDocs,
    ...refused,
    find: (facts) =>
      pairs(facts).flatMap(({ standby, primary }) =>
        standby.mac === undefined || primary.mac === undefined || sameMac(standby.mac, primary.mac)
          ? []
          : [
              {
                message: `${labelled(primary, facts)} has MAC address ${primary.mac}, its standby ${quoted(standby.alias ?? "")} has ${standby.mac}.`,
                remedy: "Set the same address on both.",
              },
            ],
      ),
  },
  {
    id: "teaming-mac-one-pair",
    title: "No third interface has the MAC address of a pair",
    source: "Linux: net/core/failover.c failover_get_bymac",
    ...refused,
    find: (facts) =>
      pairs(facts).flatMap(({ standby, primary }) => {
        const { mac } = standby;
        if (mac === undefined) return [];
        const thirds = facts.interfaces.filter(
          (other) => other !== standby && other !== primary && other.mac !== undefined && sameMac(other.mac, mac),
        );
        return thirds.map((third) => ({
          message: `${labelled(third, facts)} has MAC address ${mac}, which belongs to the pair with standby ${quoted(standby.alias ?? "")}.`,
          remedy: "Give each pair, and every other interface, an address of its own.",
        }));
      }),
  },
];

// --- where the primary sits in the guest

const slots: readonly TeamingRule[] = [
  {
    // On i440fx the VM starts, the VF never appears, and QEMU's log has the only word of it.
    id: "teaming-machine-q35",
    title: "A pair needs a q35 machine",
    source: primaryChecks,
    ...refused,
    find: ({ machine, interfaces }) =>
      machine !== undefined && !machine.includes("q35") && interfaces.some(isPrimary)
        ? {
            message: `The machine type is ${quoted(machine)}, but a VF with a standby must be on PCI Express.`,
            remedy: "Use machine type q35 for the VM.",
          }
        : undefined,
  },
  {
    id: "teaming-primary-not-on-root-complex",
    title: "The primary is not on pcie.0, which can't hot-plug",
    source: "QEMU: hw/core/qdev.c device_set_realized",
    ...refused,
    find: onEach(isPrimary, "Omit its <address>, or put it on a pcie-root-port.", (device, facts) =>
      busModel(device, facts) === "pcie-root"
        ? `${labelled(device, facts)} is on pcie.0, which does not support hot-plug.`
        : undefined,
    ),
  },
  {
    id: "teaming-primary-not-on-conventional-pci",
    title: "The primary is not on a conventional PCI bus",
    source: primaryChecks,
    ...refused,
    find: onEach(isPrimary, "Omit its <address>, or put it on a pcie-root-port.", (device, facts) => {
      const model = busModel(device, facts);
      return model !== undefined && conventionalBuses.includes(model)
        ? `${labelled(device, facts)} is on a ${model}, which is conventional PCI.`
        : undefined;
    }),
  },
  {
    id: "teaming-primary-on-port",
    title: "The primary is on a pcie-root-port or a switch's downstream port",
    source: "libvirt: docs/pci-hotplug.rst",
    ...refused,
    find: onEach(isPrimary, "Omit its <address>, or put it on a pcie-root-port.", (device, facts) => {
      const model = busModel(device, facts);
      return model === undefined || model === "pcie-root" || conventionalBuses.includes(model) || ports.includes(model)
        ? undefined
        : `${labelled(device, facts)} is on a ${model}, which can't hot-plug.`;
    }),
  },
  {
    id: "teaming-primary-hot-plugs",
    title: "The primary's port hot-plugs, so that a move can take the VF out and plug another in",
    source: "libvirt: src/qemu/qemu_hotplug.c qemuDomainDetachDeviceLive",
    ...refused,
    find: onEach(isPrimary, "Shut the VM off, and give the VF a port that hot-plugs.", (device, facts) => {
      const port = controllerOf(device, facts);
      if (port?.hotPlugs === false)
        return `${labelled(device, facts)} is on a ${port.model ?? "port"} that does not hot-plug (<target hotplug='off'/>).`;
      return facts.hotPlugOption === undefined
        ? undefined
        : `${labelled(device, facts)} cannot be unplugged: the VM's QEMU has the option ${facts.hotPlugOption}.`;
    }),
  },
  {
    id: "teaming-primary-single-function",
    title: "The primary is function 0 and not multifunction",
    source: primaryChecks,
    ...refused,
    find: onEach(isPrimary, "Give it function 0, and remove multifunction.", (device, facts) =>
      device.guestAddress !== undefined &&
      (device.guestAddress.function !== 0 || device.guestAddress.multifunction === true)
        ? `${labelled(device, facts)} is function ${device.guestAddress.function}${device.guestAddress.multifunction === true ? " of a multifunction device" : ""}; the VF of a pair must be function 0 of a single-function device.`
        : undefined,
    ),
  },
  {
    id: "teaming-primary-alone-in-slot",
    title: "The primary is alone in its slot",
    source: primaryChecks,
    ...refused,
    find: onEach(isPrimary, "Put it on a pcie-root-port of its own.", (device, facts) => {
      const neighbour = facts.interfaces.find((other) => other !== device && inSameSlot(other, device));
      return neighbour === undefined
        ? undefined
        : `${labelled(device, facts)} shares its PCI slot with another device (${labelled(neighbour, facts)}); the VF of a pair needs a slot of its own.`;
    }),
  },
];

// --- what a VF can't have

const vf: readonly TeamingRule[] = [
  {
    id: "teaming-vf-driver-vfio",
    title: "A VF is assigned with vfio",
    source: "libvirt: src/hypervisor/virhostdev.c virHostdevPreparePCIDevices",
    ...refused,
    find: onEach(isPrimary, "Set <driver name='vfio'/>, or omit <driver>.", (device, facts) =>
      device.driver !== undefined && device.driver !== "vfio"
        ? `${labelled(device, facts)} has driver ${quoted(device.driver)}; a VF is assigned with vfio only.`
        : undefined,
    ),
  },
  {
    id: "teaming-vf-no-filter",
    title: "A VF has no <filterref>: libvirt silently drops it",
    source: `${validate} virDomainActualNetDefValidate`,
    ...refused,
    find: onEach(isPrimary, "Remove <filterref>.", (device, facts) =>
      device.filter === undefined
        ? undefined
        : `${labelled(device, facts)} is a VF with <filterref> ${quoted(device.filter)}, which libvirt ignores.`,
    ),
  },
  {
    id: "teaming-vf-no-bandwidth",
    title: "A VF has no <bandwidth>: libvirt refuses it only at start",
    source: `${validate} virDomainActualNetDefValidate`,
    ...refused,
    find: onEach(isPrimary, "Remove <bandwidth>.", (device, facts) =>
      device.bandwidth === true
        ? `${labelled(device, facts)} is a VF with <bandwidth>, with which libvirt refuses to start the VM.`
        : undefined,
    ),
  },
  {
    id: "teaming-vf-no-vlan-trunk",
    title: "A VF has no VLAN trunk: libvirt refuses it only at start",
    source: "libvirt: src/util/virnetdev.c virNetDevSetNetConfig",
    ...refused,
    find: onEach(isPrimary, "Give it at most one VLAN tag.", (device, facts) =>
      device.vlanTrunk === true
        ? `${labelled(device, facts)} is a VF with a VLAN trunk, with which libvirt refuses to start the VM.`
        : undefined,
    ),
  },
  {
    id: "teaming-vf-no-mtu",
    title: "A VF has no <mtu>: net_failover gives it the standby's",
    source: qemuValidate,
    ...refused,
    find: onEach(isPrimary, "Set <mtu> on the standby only.", (device, facts) =>
      device.mtu === undefined
        ? undefined
        : `${labelled(device, facts)} is a VF with <mtu> ${device.mtu}, which is not supported: the guest uses the standby's MTU.`,
    ),
  },
  {
    // While a primary is registered the guest drops what arrives on the standby, even with the primary's link down.
    id: "teaming-vf-link-up",
    title: "A VF's link is up: libvirt accepts down and does nothing",
    source: `${netFailover} net_failover_handle_frame`,
    ...refused,
    find: onEach(isPrimary, "Remove <link>, or unplug the VF.", (device, facts) =>
      device.link === "down"
        ? `${labelled(device, facts)} is a VF with <link state='down'/>, which libvirt ignores.`
        : undefined,
    ),
  },
  {
    id: "teaming-vf-once",
    title: "No two devices of a domain use the same VF",
    source: `${validate} virDomainDefHostdevValidate`,
    ...refused,
    find: ({ interfaces }) =>
      repeated(interfaces.filter(isPrimary), ({ source }) => source).map(([source, devices]) => ({
        message: `VF ${source} is used by more than one device: ${devices.map((device) => labelled(device, { interfaces })).join(", ")}.`,
        remedy: "Give each interface a VF of its own.",
      })),
  },
  {
    // Where libvirt does not know the network at define it takes the interface for an emulated NIC.
    id: "teaming-vf-not-rtl8139",
    title: "A VF of a network has no emulated model: libvirt puts such a model on a conventional PCI bridge",
    source: "libvirt: src/qemu/qemu_domain_address.c qemuDomainDeviceCalculatePCIConnectFlags",
    ...refused,
    find: onEach(isPrimary, "Define the network on the host first, and set <model type='virtio'/>.", (device, facts) =>
      device.type === "network" && device.model !== undefined && !device.model.startsWith("virtio")
        ? `${labelled(device, facts)} is a VF of a libvirt network with model ${quoted(device.model)}: libvirt would put it on a conventional PCI bridge.`
        : undefined,
    ),
  },
  {
    id: "teaming-vf-model-written",
    title:
      "A VF of a network has a model or an address: otherwise libvirt chooses rtl8139 where it does not know the network",
    source: "libvirt: src/qemu/qemu_domain_address.c qemuDomainDeviceCalculatePCIConnectFlags",
    ...warnedOf,
    find: onEach(isPrimary, "Set <model type='virtio'/>.", (device, facts) =>
      device.type === "network" && device.model === undefined && device.guestAddress === undefined
        ? `${labelled(device, facts)} is a VF of a libvirt network with neither model nor address: on a host without that network libvirt would choose model rtl8139.`
        : undefined,
    ),
  },
  {
    id: "teaming-standby-link-up",
    title: "The standby's link is up; otherwise the guest has no network while the VF is unplugged",
    source: "ovirt-engine: LibvirtVmXmlBuilder.java writeInterface",
    ...warnedOf,
    find: onEach(isStandby, "Set <link state='up'/> on it.", (device, facts) =>
      device.link === "down" ? `${labelled(device, facts)} is a standby with its link down.` : undefined,
    ),
  },
];

/** Of one domain. */
export const teamingRules: readonly TeamingRule[] = [...form, ...graph, ...macs, ...slots, ...vf];

// --- the domain that a migration gives to the destination

export interface MigrationXmlFacts {
  readonly source: TeamingFacts;
  /** What the destination is given. */
  readonly target: TeamingFacts;
}

type MigrationXmlRule = Rule<MigrationXmlFacts>;

const abi = "libvirt: src/conf/domain_conf.c";
const refusedAtMove = { checkedAt: ["preflight"], severity: "error" } as const;
const keepIt = "If the VM's definition was edited during the move, retry when the edit is finished.";

/** What must not change on the way: libvirt's own check first, then what it does not look at. */
export const migrationXmlRules: readonly MigrationXmlRule[] = [
  {
    id: "migration-xml-nic-count",
    title: "The destination's XML has as many interfaces",
    source: `${abi} virDomainDefCheckABIStabilityFlags`,
    ...refusedAtMove,
    find: countKept("interface"),
  },
  {
    id: "migration-xml-hostdev-count",
    title: "The destination's XML has as many host devices",
    source: `${abi} virDomainDefCheckABIStabilityFlags`,
    ...refusedAtMove,
    find: countKept("hostdev"),
  },
  keptRule("mac", "MAC address", `${abi} virDomainNetDefCheckABIStability`, ({ mac }) => mac?.toLowerCase()),
  keptRule("model", "model", `${abi} virDomainNetDefCheckABIStability`, ({ model }) => model),
  keptRule("mtu", "MTU", `${abi} virDomainNetDefCheckABIStability`, ({ mtu }) => mtu?.toString()),
  keptRule("guest-address", "guest address", `${abi} virDomainDeviceInfoCheckABIStability`, ({ guestAddress }) =>
    guestAddress === undefined
      ? undefined
      : `${guestAddress.type} ${guestAddress.domain}:${guestAddress.bus}:${guestAddress.slot}.${guestAddress.function}`,
  ),
  keptRule(
    "alias",
    "alias",
    "libvirt's ABI check leaves it out: virDomainNetDefCheckABIStability",
    ({ alias }) => alias,
  ),
  keptRule(
    "teaming",
    "teaming",
    "libvirt's ABI check leaves it out: virDomainNetDefCheckABIStability",
    ({ teaming }) => (teaming === undefined ? undefined : [teaming.type, teaming.persistent].join(" ").trim()),
  ),
];

function countKept(kind: TeamingDevice["kind"]) {
  return ({ source, target }: MigrationXmlFacts): Finding | undefined => {
    const [before, after] = [source, target].map(({ interfaces }) => ofKind(interfaces, kind).length);
    return before === after
      ? undefined
      : {
          message: `The domain has ${counted(before ?? 0, kind)}, but the destination's XML has ${after ?? 0}.`,
          remedy: keepIt,
        };
  };
}

function keptRule(
  id: string,
  what: string,
  source: string,
  spell: (device: TeamingDevice) => string | undefined,
): MigrationXmlRule {
  return {
    id: `migration-xml-${id}`,
    title: `The destination's XML keeps each device's ${what}`,
    source,
    ...refusedAtMove,
    find: (facts) =>
      (["interface", "hostdev"] as const).flatMap((kind) => {
        const after = ofKind(facts.target.interfaces, kind);
        return ofKind(facts.source.interfaces, kind).flatMap((device, index) => {
          const counterpart = after[index];
          if (counterpart === undefined || spell(counterpart) === spell(device)) return [];
          const [was, is] = [device, counterpart].map((one) => spell(one) ?? "none");
          return [
            {
              message: `${labelled(device, facts.source)} has ${what} ${was ?? ""}, but ${is ?? ""} in the destination's XML.`,
              remedy: keepIt,
            },
          ];
        });
      }),
  };
}

// --- what the rules ask

const conventionalBuses: readonly string[] = [
  "pci-root",
  "pci-bridge",
  "dmi-to-pci-bridge",
  "pcie-to-pci-bridge",
  "pci-expander-bus",
];
const ports: readonly string[] = ["pcie-root-port", "pcie-switch-downstream-port"];

function onEach(which: (device: TeamingDevice) => boolean, remedy: string, fault: Fault) {
  return (facts: TeamingFacts): Finding[] =>
    facts.interfaces.filter(which).flatMap((device) => {
      const message = fault(device, facts);
      return message === undefined ? [] : [{ message, remedy }];
    });
}

function isTeamed({ teaming }: TeamingDevice): boolean {
  return teaming !== undefined;
}

function isStandby({ teaming }: TeamingDevice): boolean {
  return teaming?.type === "persistent";
}

function isPrimary({ teaming }: TeamingDevice): boolean {
  return teaming?.type === "transient";
}

/** The alias in `persistent='…'`; an empty one is none, as for libvirt. */
function partnersAlias({ teaming }: TeamingDevice): string | undefined {
  return teaming?.persistent === "" ? undefined : teaming?.persistent;
}

function isUserAlias(alias: string | undefined): boolean {
  return alias?.startsWith("ua-") === true;
}

/** Well-formed pairs: a primary, and the persistent device that it names. */
function pairs({ interfaces }: TeamingFacts): { standby: TeamingDevice; primary: TeamingDevice }[] {
  return interfaces.filter(isPrimary).flatMap((primary) => {
    const standby = interfaces.find(
      (device) => isStandby(device) && device.alias !== undefined && device.alias === partnersAlias(primary),
    );
    return standby === undefined ? [] : [{ standby, primary }];
  });
}

/** The controller whose bus the device is on, where both are known. */
function controllerOf({ guestAddress }: TeamingDevice, { controllers }: TeamingFacts): Controller | undefined {
  if (guestAddress?.type !== "pci") return undefined;
  return controllers.find(({ type, index }) => type === "pci" && index === guestAddress.bus);
}

/** The controller's model. */
function busModel(device: TeamingDevice, facts: TeamingFacts): string | undefined {
  const { guestAddress } = device;
  const { machine } = facts;
  if (guestAddress?.type !== "pci") return undefined;
  const controller = controllerOf(device, facts);
  // A q35 machine has its pcie.0 even where the XML does not say so.
  return controller?.model ?? (guestAddress.bus === 0 && machine?.includes("q35") === true ? "pcie-root" : undefined);
}

function inSameSlot({ guestAddress: one }: TeamingDevice, { guestAddress: other }: TeamingDevice): boolean {
  return one !== undefined && one.domain === other?.domain && one.bus === other.bus && one.slot === other.slot;
}

function ofKind(devices: readonly TeamingDevice[], kind: TeamingDevice["kind"]): TeamingDevice[] {
  return devices.filter((device) => device.kind === kind);
}

/** The keys that more than one device has, with those devices. */
function repeated(
  devices: readonly TeamingDevice[],
  key: (device: TeamingDevice) => string | undefined,
): [string, TeamingDevice[]][] {
  const byKey = new Map<string, TeamingDevice[]>();
  for (const device of devices) {
    const value = key(device);
    if (value !== undefined) byKey.set(value, [...(byKey.get(value) ?? []), device]);
  }
  return [...byKey].filter(([, sharing]) => sharing.length > 1);
}

/** `Interface "ua-vf0"`, or with whatever else tells the device from the others. */
/** What makes it no virtio interface. */
function standbysFault({ kind, model }: TeamingDevice): string {
  if (kind !== "interface") return "is a host device";
  return model === undefined ? "has no model" : `has model ${quoted(model)}`;
}

function labelled(device: TeamingDevice, { interfaces }: Pick<TeamingFacts, "interfaces">): string {
  const kind = device.kind === "interface" ? "Interface" : "Host device";
  return `${kind} ${device.alias === undefined ? (device.mac ?? `number ${interfaces.indexOf(device) + 1}`) : quoted(device.alias)}`;
}

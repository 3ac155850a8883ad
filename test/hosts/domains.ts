/** The domains of one host: definitions, states, metadata, devices. What a guest does with an unplug is the host's to say. */
import { Affect, DomainState, DomainXml, PausedReason, Undefine } from "../../provider/backends/libvirt/constants.js";
import type { Domain as DomainRef, TypedParameter } from "../../provider/backends/libvirt/rpc/datatypes.js";
import {
  attribute,
  child,
  find,
  formatXml,
  parseXml,
  textOf,
  withChildren,
  type Element,
} from "../../provider/xml/element.js";
import { hostPciAddress } from "../../provider/backends/libvirt/xml/interface.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import * as definition from "./definition.js";
import { isVfio } from "./drivers.js";
import type { NodeDevices } from "./node-devices.js";
import { printed } from "./printed.js";
import { refusals } from "./refusals.js";
import type { Peer } from "./rpc-endpoint.js";

export interface JobModel {
  readonly direction: "incoming" | "outgoing";
  phase: "begun" | "performing" | "performed";
  cancelled: boolean;
  parameters: TypedParameter[];
  /** QEMU has asked the guest for the VFs of its pairs. */
  waitsForUnplug?: boolean;
  /** As a backup does (qemuBackupBegin, qemuDomainObjSetAsyncJobMask). Default: it does not. */
  readonly admitsChanges?: boolean;
}

export interface DomainModel {
  readonly name: string;
  readonly uuid: string;
  /** -1 while it does not run. */
  id: number;
  live: Element | undefined;
  /** Undefined: it is transient. */
  config: Element | undefined;
  /**
   * The definition has come with a migration and nothing was written after it: the file system may not have its file's name on the disk
   * yet (virfile.c, virFileRewrite).
   */
  isUnsynced: boolean;
  /** Whether it starts with its host. It belongs to the definition, and does not go along in a migration. */
  autostart: boolean;
  state: number;
  reason: number;
  job: JobModel | undefined;
  completed: TypedParameter[] | undefined;
  /** The connection that prepared it, until the migration has finished: it dies with that (qemuProcessAutoDestroy). */
  preparedBy: Peer | undefined;
  /** Aliases that the guest has been asked to release. */
  readonly unplugging: Set<string>;
  /** How often it was reset. */
  resets: number;
  /** What a host keeps of it beside its definition. */
  readonly kept: KeptState;
  /** Whether a block job is at work on one of its disks. */
  blockJob: boolean;
  /** Why its QEMU cannot migrate (query-migrate, blocked-reasons), beside what its devices say. */
  blockers: readonly string[];
}

/** Counts, and files: `kept` after they were spared by an undefine. */
export interface KeptState {
  snapshots: number;
  checkpoints: number;
  managedSave: boolean;
  /** State of an emulated TPM: `deleted` by an undefine that did not say to keep it. */
  tpm: "none" | "there" | "deleted";
}

/** At least one of `live` and `config`. */
export interface LoadedDomain {
  readonly live: Element | undefined;
  readonly config: Element | undefined;
  readonly paused: boolean;
  readonly autostart: boolean;
}

const { LIVE, CONFIG } = Affect;

export class Domains {
  private readonly known = new Map<string, DomainModel>();
  private lastId = 0;

  constructor(private readonly devices: NodeDevices) {}

  all(): readonly DomainModel[] {
    return [...this.known.values()];
  }

  named(name: string): DomainModel | undefined {
    return this.all().find((each) => each.name === name);
  }

  /** @throws Refusal */
  requireNamed(name: string): DomainModel {
    const found = this.named(name);
    if (found === undefined) throw refusals.noDomainNamed(name);
    return found;
  }

  /** @throws Refusal */
  require(ref: DomainRef): DomainModel {
    const found = this.known.get(ref.uuid);
    if (found === undefined) throw refusals.noDomain(ref);
    return found;
  }

  /** @throws Refusal */
  requireActive(ref: DomainRef): DomainModel & { live: Element } {
    const found = this.require(ref);
    if (!isActive(found)) throw refusals.domainNotRunning();
    return found;
  }

  /** The running domain that has the host's device. */
  userOf(address: string): string | undefined {
    return this.all().find(({ live }) => live !== undefined && definition.hostDevicesOf(live).includes(address))?.name;
  }

  /** @throws Refusal */
  define(xml: string): DomainModel {
    const config = parseXml(xml);
    const { name, uuid } = identityOf(config);
    const namesake = this.named(name);
    if (namesake !== undefined && namesake.uuid !== uuid) throw refusals.domainExists(name, namesake.uuid);
    const domain = this.known.get(uuid) ?? this.add(name, uuid);
    domain.config = definition.numbered(config, -1);
    domain.isUnsynced = false;
    return domain;
  }

  /** Lets a domain that is defined run. */
  start(domain: DomainModel): void {
    this.activate(domain, domain.config ?? raise("a transient domain cannot be started again"));
    domain.state = DomainState.RUNNING;
    domain.reason = 1;
  }

  /** A domain that was on the host before: what it runs with is bound to VFIO. */
  load({ live, config, paused, autostart }: LoadedDomain): DomainModel {
    const { name, uuid } = identityOf(live ?? config ?? raise("a domain without definition"));
    const domain = this.add(name, uuid);
    domain.config = config && definition.numbered(config, -1);
    domain.autostart = autostart;
    if (live === undefined) return domain;
    this.activate(domain, definition.numbered(live, -1));
    for (const address of definition.hostDevicesOf(live)) {
      const found = this.devices.functionAt(address);
      if (found !== undefined) this.devices.detach(found.vf);
    }
    domain.state = paused ? DomainState.PAUSED : DomainState.RUNNING;
    domain.reason = 1;
    return domain;
  }

  /** A copy that waits for its memory. @throws Refusal when a domain of that identity is active. */
  receive(live: Element, preparedBy: Peer): DomainModel {
    const { name, uuid } = identityOf(live);
    const domain = this.known.get(uuid) ?? this.add(name, uuid);
    if (isActive(domain)) throw refusals.domainActive(name);
    this.activate(domain, live);
    domain.state = DomainState.PAUSED;
    domain.reason = PausedReason.MIGRATION;
    domain.preparedBy = preparedBy;
    return domain;
  }

  /** Its QEMU is no more. A transient domain goes with it. */
  stop(domain: DomainModel): void {
    for (const device of domain.live === undefined ? [] : definition.devicesOf(domain.live))
      this.freeHostDevice(device);
    Object.assign(domain, { live: undefined, id: -1, job: undefined, preparedBy: undefined });
    domain.state = DomainState.SHUTOFF;
    domain.reason = 0;
    domain.unplugging.clear();
    if (domain.config === undefined) this.known.delete(domain.uuid);
  }

  /** qemuDomainUndefineFlags. @throws Refusal */
  undefine(domain: DomainModel, flags = 0): void {
    const { kept, config } = domain;
    if (config === undefined) throw refusals.domainTransient();
    const has = (flag: number) => (flags & flag) !== 0;
    if (!isActive(domain)) {
      if (kept.snapshots > 0 && !has(Undefine.SNAPSHOTS_METADATA)) throw refusals.undefineSnapshots(kept.snapshots);
      if (kept.checkpoints > 0 && !has(Undefine.CHECKPOINTS_METADATA))
        throw refusals.undefineCheckpoints(kept.checkpoints);
    }
    if (kept.managedSave && !has(Undefine.MANAGED_SAVE)) throw refusals.undefineManagedSave();
    if (find(config, "os", "nvram") !== undefined && !has(Undefine.KEEP_NVRAM)) throw refusals.undefineNvram();
    if (kept.tpm === "there" && !has(Undefine.KEEP_TPM)) kept.tpm = "deleted";
    domain.config = undefined;
    domain.autostart = false;
    if (!isActive(domain)) this.known.delete(domain.uuid);
  }

  /** @throws Refusal (qemu_driver.c, qemuDomainSetAutostart) */
  setAutostart(domain: DomainModel, autostart: boolean): void {
    if (domain.config === undefined) throw refusals.noAutostart();
    domain.autostart = autostart;
  }

  xml(domain: DomainModel, flags: number): string {
    const shown = (flags & DomainXml.INACTIVE) !== 0 ? (domain.config ?? domain.live) : (domain.live ?? domain.config);
    if (shown === undefined) throw refusals.noDomain(domain);
    const told = (flags & DomainXml.SECURE) !== 0 ? shown : withoutPasswords(shown);
    return printed(told, (flags & DomainXml.INACTIVE) !== 0 ? -1 : domain.id);
  }

  // --- metadata

  /** Every element of the metadata by its namespace; where both definitions have one, the running domain's. */
  allMetadata({ live, config }: DomainModel): Readonly<Record<string, string>> {
    return { ...(config && definition.allMetadataOf(config)), ...(live && definition.allMetadataOf(live)) };
  }

  /** @throws Refusal */
  metadata(domain: DomainModel, uri: string, flags: number): string {
    const of = affected(domain, flags).includes("live") ? domain.live : domain.config;
    const found = of === undefined ? undefined : definition.metadataOf(of, uri);
    if (found === undefined) throw refusals.noMetadata();
    return formatXml(found);
  }

  /** @throws Refusal */
  setMetadata(domain: DomainModel, uri: string, key: string, xml: string | null, flags: number): void {
    const value = xml === null ? undefined : parseXml(xml);
    this.edit(domain, flags, (each) => definition.withMetadata(each, uri, key, value));
  }

  // --- devices

  /** @throws Refusal: nothing is changed. */
  attach(domain: DomainModel, device: Element, flags: number): void {
    const sides = affected(domain, flags);
    const edited = sides.map((side) => [side, definition.withDevice(sideOf(domain, side), device)] as const);
    if (sides.includes("live")) {
      this.refuseDevice(device);
      this.take(device);
    }
    this.write(domain, edited);
  }

  /** Sets a NIC of the same MAC to what is given. @throws Refusal */
  update(domain: DomainModel, device: Element, flags: number): void {
    this.edit(domain, flags, (each) => definition.withUpdated(each, device));
  }

  /** The device goes from those definitions, at once. @throws Refusal */
  remove(domain: DomainModel, alias: string, flags: number): void {
    const plugged = domain.live === undefined ? undefined : definition.deviceNamed(domain.live, alias);
    this.edit(domain, flags, (each) => {
      if (definition.deviceNamed(each, alias) === undefined) throw refusals.noDeviceWithAlias(alias);
      return definition.withoutDevice(each, alias);
    });
    if (plugged !== undefined && affected(domain, flags).includes("live")) this.freeHostDevice(plugged);
  }

  /** Binds a managed device to VFIO (virHostdevPreparePCIDevices). */
  private take(device: Element): void {
    const vf = this.managedVf(device);
    if (vf !== undefined) this.devices.detach(vf);
    this.setNetwork(device);
  }

  /** The PF is told the MAC and the VLAN of an `<interface>`, not those of a `<hostdev>` (virHostdevSetNetConfig). */
  private setNetwork(device: Element): void {
    const pci = hostPciAddress(device);
    const mac = attribute(child(device, "mac"), "address");
    if (device.name !== "interface" || pci === undefined || mac === undefined) return;
    const vf = this.devices.functionAt(formatPciAddress(pci))?.vf;
    const vlan = Number(attribute(child(child(device, "vlan"), "tag"), "id") ?? 0);
    if (vf !== undefined) vf.settings = { mac, vlan };
  }

  /** Gives a managed device back to the host (virHostdevReAttachPCIDevices). */
  private freeHostDevice(device: Element): void {
    const vf = this.managedVf(device);
    if (vf !== undefined) this.devices.reattach(vf);
  }

  private managedVf(device: Element) {
    const pci = hostPciAddress(device);
    if (pci === undefined || attribute(device, "managed") !== "yes") return undefined;
    return this.devices.functionAt(formatPciAddress(pci))?.vf;
  }

  /** What a host says of a device that a running domain is to get. @throws Refusal */
  refuseDevice(device: Element): void {
    const bridge = child(device, "source")?.attributes["bridge"];
    if (bridge !== undefined && !this.devices.bridges.some(({ name }) => name === bridge))
      throw refusals.noBridge(bridge);
    const pci = hostPciAddress(device);
    if (pci === undefined) return;
    const address = formatPciAddress(pci);
    const found = this.devices.functionAt(address);
    if (found === undefined) throw refusals.deviceAbsent(address);
    const user = this.userOf(address);
    if (user !== undefined) throw refusals.deviceInUse(address, user);
    if (!isVfio(found.vf.driver) && attribute(device, "managed") !== "yes") throw refusals.deviceWithHost(address);
    if (!found.pf.linkUp) throw refusals.functionOffline(found.pf.name);
  }

  private edit(domain: DomainModel, flags: number, change: (from: Element) => Element): void {
    const edited = affected(domain, flags).map((side) => [side, change(sideOf(domain, side))] as const);
    this.write(domain, edited);
  }

  private write(domain: DomainModel, edited: readonly (readonly [Side, Element])[]): void {
    for (const [side, value] of edited) domain[side] = value;
    if (edited.some(([side]) => side === "config")) domain.isUnsynced = false;
  }

  private add(name: string, uuid: string): DomainModel {
    const domain: DomainModel = {
      name,
      uuid,
      id: -1,
      live: undefined,
      config: undefined,
      isUnsynced: false,
      autostart: false,
      state: DomainState.SHUTOFF,
      reason: 0,
      job: undefined,
      completed: undefined,
      preparedBy: undefined,
      unplugging: new Set(),
      resets: 0,
      kept: { snapshots: 0, checkpoints: 0, managedSave: false, tpm: "none" },
      blockJob: false,
      blockers: [],
    };
    this.known.set(uuid, domain);
    return domain;
  }

  private activate(domain: DomainModel, live: Element): void {
    domain.id = this.lastId += 1;
    domain.live = live;
    domain.completed = undefined;
    for (const device of definition.devicesOf(live)) this.take(device);
  }
}

export function isActive(domain: DomainModel): domain is DomainModel & { live: Element } {
  return domain.live !== undefined;
}

export function refOf({ name, uuid, id }: DomainModel): DomainRef {
  return { name, uuid, id };
}

type Side = "live" | "config";

/** virDomainObjUpdateModificationImpact: none named is the one that counts now. @throws Refusal */
function affected(domain: DomainModel, flags: number): readonly Side[] {
  const named = flags & (LIVE | CONFIG);
  if (named === 0) return [isActive(domain) ? "live" : "config"];
  if ((named & LIVE) !== 0 && !isActive(domain)) throw refusals.domainNotRunning();
  if ((named & CONFIG) !== 0 && domain.config === undefined) throw refusals.noConfig();
  return [...((named & CONFIG) !== 0 ? ["config" as const] : []), ...((named & LIVE) !== 0 ? ["live" as const] : [])];
}

function sideOf(domain: DomainModel, side: Side): Element {
  return domain[side] ?? raise(`domain ${domain.name} has no ${side} definition`);
}

function identityOf(xml: Element): { name: string; uuid: string } {
  return {
    name: textOf(child(xml, "name")) ?? raise("a domain without name"),
    uuid: textOf(child(xml, "uuid")) ?? raise("a domain without UUID"),
  };
}

function raise(what: string): never {
  throw new Error(what);
}

/** libvirt tells a display's password only on being asked for it (src/conf/domain_conf.c, virDomainGraphicsAuthDefFormatAttr). */
function withoutPasswords(definition: Element): Element {
  const hasOne = ({ name, attributes }: Element) => name === "graphics" && "passwd" in attributes;
  if (child(definition, "devices")?.children.some(hasOne) !== true) return definition;
  const bare = (device: Element): Element => {
    if (!hasOne(device)) return device;
    const { passwd: _, ...attributes } = device.attributes;
    return { ...device, attributes };
  };
  return withChildren(
    definition,
    definition.children.map((each) => (each.name === "devices" ? withChildren(each, each.children.map(bare)) : each)),
  );
}

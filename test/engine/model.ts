/** What the test engine knows: the part of oVirt's database that networks, NICs and migrations touch. Plain data. */
import { randomUUID } from "node:crypto";

export interface DataCenter {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
}

export interface Cluster {
  readonly id: string;
  readonly name: string;
  readonly dataCenter: string;
  readonly version: { readonly major: number; readonly minor: number };
  /** Ids of the networks attached to the cluster. */
  readonly networks: Set<string>;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly dataCenter: string;
  readonly vmNetwork: boolean;
  readonly external: boolean;
  readonly portIsolation: boolean;
  /** Bytes; 0 is the data center's default, as in oVirt. */
  readonly mtu: number;
  readonly description?: string;
  /** An engine's network has one at most. */
  label?: string | undefined;
}

export interface HostNic {
  readonly id: string;
  readonly name: string;
  readonly mac: string;
  /** The id of the network that is attached to it. */
  network?: string | undefined;
  /** Only of a physical function. */
  readonly virtualFunctions?: VfConfiguration | undefined;
  /** Only of a virtual function: the id of its physical function. */
  readonly physicalFunction?: string | undefined;
  /** Only of a virtual function: libvirt's name of its PCI device. */
  readonly device?: string | undefined;
  /** Only of a virtual function: default one of its own. */
  iommuGroup?: number | undefined;
  /** Only of a VLAN device: the name of the NIC that it is on. */
  readonly base?: string | undefined;
  /** Only of a bond: the ids of its NICs. */
  readonly bonded?: readonly string[] | undefined;
  /** Carries the host's own address. */
  readonly managed?: boolean;
  /** Only of a virtual function: the id of the VM that has it, or for which it is set aside. */
  usedBy?: string | undefined;
}

export interface VfConfiguration {
  readonly max: number;
  readonly allNetworksAllowed: boolean;
  readonly networks: Set<string>;
  readonly labels: Set<string>;
}

export interface Host {
  readonly id: string;
  readonly name: string;
  readonly cluster: string;
  readonly address: string;
  status: "up" | "preparing_for_maintenance" | "maintenance" | "non_operational";
  readonly nics: HostNic[];
}

export interface Profile {
  readonly id: string;
  name: string;
  description?: string | undefined;
  network: string;
  passThrough: boolean;
  migratable: boolean;
  portMirroring: boolean;
  failover?: string | undefined;
  qos?: string | undefined;
  networkFilter?: string | undefined;
  customProperties: Readonly<Record<string, string>>;
}

export const nicInterfaces = [
  "e1000",
  "e1000e",
  "pci_passthrough",
  "rtl8139",
  "rtl8139_virtio",
  "spapr_vlan",
  "virtio",
] as const;

export type NicInterface = (typeof nicInterfaces)[number];

export interface Nic {
  readonly id: string;
  name: string;
  mac: string;
  interface: NicInterface;
  linked: boolean;
  plugged: boolean;
  profile?: string | undefined;
}

/** A network device of the running domain. The standby of a pair is one that no NIC of the engine's stands for. */
export interface Device {
  readonly alias: string;
  readonly mac: string;
  readonly kind: "bridge" | "hostdev";
  /** The id of the host NIC that is the VF. */
  readonly vf?: string | undefined;
}

export type VmStatus =
  | "up"
  | "down"
  | "migrating"
  | "paused"
  | "suspended"
  | "powering_up"
  | "powering_down"
  | "reboot_in_progress"
  | "image_locked";

export interface Vm {
  readonly id: string;
  readonly name: string;
  readonly cluster: string;
  status: VmStatus;
  host?: string | undefined;
  readonly nics: Nic[];
  /** As libvirt has them; empty while the VM is down. */
  devices: Device[];
  /** Per cent; that of the last migration stays. */
  migrationProgress?: number | undefined;
}

export interface Template {
  readonly id: string;
  readonly name: string;
  readonly profiles: readonly string[];
}

export interface NamedThing {
  readonly id: string;
  readonly name: string;
}

/** A network filter of libvirt's, and the cluster level since which the engine knows it. */
export interface NetworkFilter extends NamedThing {
  readonly version?: string;
}

export interface Job {
  readonly id: string;
  readonly description: string;
  readonly correlationId?: string | undefined;
  status: "started" | "finished" | "failed";
  readonly startTime: Date;
  endTime?: Date | undefined;
}

export interface Event {
  readonly id: number;
  readonly code: number;
  readonly severity: "normal" | "warning" | "error";
  readonly description: string;
  readonly time: Date;
  readonly correlationId?: string | undefined;
  readonly vm?: string | undefined;
  readonly host?: string | undefined;
  /** Who did it; undefined: the engine by itself. */
  readonly user?: string | undefined;
}

export class Model {
  /** As `/api` tells it in full. */
  version = "4.5.7-1.el9";
  readonly dataCenters = new Map<string, DataCenter>();
  readonly clusters = new Map<string, Cluster>();
  readonly networks = new Map<string, Network>();
  readonly hosts = new Map<string, Host>();
  readonly profiles = new Map<string, Profile>();
  readonly vms = new Map<string, Vm>();
  readonly templates = new Map<string, Template>();
  readonly networkFilters = new Map<string, NetworkFilter>();
  readonly qos = new Map<string, NamedThing>();
  readonly jobs = new Map<string, Job>();
  /** Oldest first. */
  readonly events: Event[] = [];
  /** What the engine's administrator allows as custom properties of profiles. */
  readonly customPropertyNames = new Set<string>();

  report(event: Omit<Event, "id" | "time">): void {
    this.events.push({ id: this.events.length + 1, time: new Date(), ...event });
  }

  /** VMs, whatever their state, with a NIC of the very profile: a standby's use is not one. */
  vmsUsing(profile: string): readonly Vm[] {
    return [...this.vms.values()].filter(({ nics }) => nics.some((nic) => nic.profile === profile));
  }

  templatesUsing(profile: string): readonly Template[] {
    return [...this.templates.values()].filter(({ profiles }) => profiles.includes(profile));
  }

  profilesOf(network: string): readonly Profile[] {
    return [...this.profiles.values()].filter((profile) => profile.network === network);
  }

  profileOf({ profile }: Nic): Profile | undefined {
    return profile === undefined ? undefined : this.profiles.get(profile);
  }

  hostHasNetwork(host: Host, network: string): boolean {
    return host.nics.some((nic) => nic.network === network);
  }
}

export function put<T extends NamedThing>(into: Map<string, T>, thing: T): T {
  into.set(thing.id, thing);
  return thing;
}

export function named<T extends NamedThing>(within: ReadonlyMap<string, T>, name: string): T | undefined {
  return [...within.values()].find((thing) => thing.name === name);
}

export { randomUUID as newId };

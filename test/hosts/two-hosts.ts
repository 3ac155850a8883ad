/**
 * Two hosts as the lab has them, in this process: PF `pf0` with four VFs and bridge `br0` on each, and on host1 a running
 * q35 VM `web` with six root ports and no interface.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { parseConfiguration, type ClusterConfig, type Configuration } from "../../provider/config/index.js";
import type { HandlerContext, StackConfig } from "../../provider/handlers/handler.js";
import { systemClock } from "../../provider/model/clock.js";
import type { Progress } from "../../provider/model/progress.js";
import { parseXml, type Element } from "../../provider/xml/element.js";
import { LibvirtHostModel } from "./libvirt-host.js";
import { MigrationNetwork } from "./migration.js";
import type { PhysicalFunctionModel, VirtualFunctionModel } from "./node-devices.js";
import type { Call } from "./rpc-endpoint.js";
import { ProcessClock, type HostClock } from "./test-clock.js";

export const vm = { name: "web", uuid: "11111111-2222-4333-8444-000000000050", mac: "52:54:00:aa:00:50" } as const;

/** The VFs of either host, in order. */
export const vfs = ["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"] as const;

/** A way in of its own, by which one process can be parted from both hosts while others are not. */
export interface Entrance {
  readonly configuration: Configuration;
  /** The same as Pulumi hands it to a handler. */
  readonly stackConfig: StackConfig;
  readonly cluster: LibvirtCluster;
  /** The process that came by it is dead. */
  die(): void;
  /** It is suspended, and goes on. */
  sleep(): void;
  wake(): void;
  /** Whether the call came by it. */
  isDoorOf(call: Call): boolean;
}

export interface LabLike extends Entrance {
  readonly host1: LibvirtHostModel;
  readonly host2: LibvirtHostModel;
  readonly hosts: readonly [LibvirtHostModel, LibvirtHostModel, ...LibvirtHostModel[]];
  readonly network: MigrationNetwork;
  readonly clock: HostClock;
  readonly progress: RecordedProgress;
  /** A host that had lost power, or whose daemon was gone, is there again. */
  reopen(host: LibvirtHostModel): Promise<void>;
  /** The context of a handler's call. */
  context(more?: Partial<HandlerContext>): HandlerContext;
  /** @param maintenance hosts that are under maintenance in its configuration. Default: as the first entrance has it. */
  entrance(maintenance?: readonly string[]): Promise<Entrance>;
  close(): Promise<void>;
}

/** Progress that can be looked at afterwards. */
export interface RecordedProgress extends Progress {
  readonly warnings: string[];
  readonly infos: string[];
  readonly steps: string[];
}

type NetworksConfig = ClusterConfig["networks"];

export const labNetworks: NetworksConfig = {
  data: { bridge: "br0", mtu: 1500 },
  "data-vf": { physicalFunctions: ["pf0"] },
};

export interface HostsOptions {
  readonly networks?: NetworksConfig;
  /** What differs of them on a host, by its name. Default: nothing. */
  readonly hostNetworks?: Readonly<Record<string, NetworksConfig>>;
  readonly define?: readonly string[];
  /** Hosts beyond the two: `host3`, … Default: none. */
  readonly more?: number;
  /** Hosts that are under maintenance. Default: none. */
  readonly maintenance?: readonly string[];
  /** By which hosts and processes wait. Default: the system's. */
  readonly clock?: HostClock;
}

/** They are closed when that is done with them. */
export async function withTwoHosts<T>(options: HostsOptions, act: (lab: LabLike) => Promise<T>): Promise<T> {
  const lab = await twoHosts(options);
  try {
    return await act(lab);
  } finally {
    await lab.close();
  }
}

export async function twoHosts(options: HostsOptions = {}): Promise<LabLike> {
  const folder = await mkdtemp(join(tmpdir(), "hosts-"));
  const network = new MigrationNetwork();
  const { clock = systemClock } = options;
  const more = Array.from({ length: options.more ?? 0 }, (_, index) => labHost(index + 3, network, clock));
  const hosts = [labHost(1, network, clock), labHost(2, network, clock), ...more] as const;
  const [host1, host2] = hosts;
  host1.domains.start(host1.domains.define(domainXml(vm)));
  for (const xml of options.define ?? []) host1.domains.define(xml);

  const entrances: Entrance[] = [];
  const doors: string[] = [];
  /** Of processes that are dead. */
  const dead = new Set<string>();
  const entrance = async (maintenance = options.maintenance ?? []): Promise<Entrance> => {
    const door = String(entrances.length);
    const sockets = hosts.map((host) => join(folder, `${host.name}-${door}`));
    await Promise.all(hosts.map((host, index) => host.listen(sockets[index] ?? "")));
    const cluster = {
      hosts: Object.fromEntries(
        hosts.map(({ name }, index) => [
          name,
          {
            uri: `qemu+unix:///system?socket=${sockets[index] ?? ""}`,
            ...(maintenance.includes(name) && { maintenance: true }),
            ...(options.hostNetworks?.[name] !== undefined && { networks: options.hostNetworks[name] }),
          },
        ]),
      ),
      networks: options.networks ?? labNetworks,
    };
    const configuration = parseConfiguration({ cluster });
    const own = new ProcessClock(clock);
    const made: Entrance = {
      configuration,
      stackConfig: { cluster: JSON.stringify(cluster) },
      cluster: new LibvirtCluster(configuration, own),
      die: () => {
        dead.add(door);
        hosts.forEach((host, index) => host.shut(sockets[index] ?? ""));
      },
      sleep: () => {
        own.suspend();
        hosts.forEach((host, index) => host.sleep(sockets[index] ?? ""));
      },
      wake: () => {
        hosts.forEach((host, index) => host.wake(sockets[index] ?? ""));
        own.resume();
      },
      isDoorOf: ({ peer }) => sockets.includes(peer.door),
    };
    entrances.push(made);
    doors.push(door);
    return made;
  };
  const first = await entrance();
  const progress = recordedProgress();
  return {
    ...first,
    host1,
    host2,
    hosts,
    network,
    clock,
    progress,
    context: (more = {}) => ({ config: first.stackConfig, progress, ...more }),
    entrance,
    async reopen(host) {
      host.regainPower();
      const open = doors.filter((door) => !dead.has(door));
      await Promise.all(open.map((door) => host.listen(join(folder, `${host.name}-${door}`))));
    },
    async close() {
      await Promise.all(entrances.map(({ cluster }) => cluster.close()));
      for (const host of hosts) host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function recordedProgress(): RecordedProgress {
  const warnings: string[] = [];
  const infos: string[] = [];
  const steps: string[] = [];
  return {
    warnings,
    infos,
    steps,
    report({ phase }) {
      if (steps.at(-1) !== phase) steps.push(phase);
    },
    info: (message) => void infos.push(message),
    warn: (message) => void warnings.push(message),
    done: () => undefined,
  };
}

function labHost(id: number, network: MigrationNetwork, clock: HostClock): LibvirtHostModel {
  return new LibvirtHostModel(
    {
      name: `host${id}`,
      uuid: hostUuid(id),
      physicalFunctions: [physicalFunction("pf0", id, "01")],
      bridges: [labBridge],
    },
    network,
    clock,
  );
}

/** The definition of VM `web`. */
export function labVm(): Element {
  return parseXml(domainXml(vm));
}

export const labBridge = { name: "br0", mtu: 1500, ports: ["uplink0"] } as const;

/** @param id the host's number, from 1 on. */
export function hostUuid(id: number): string {
  return `00000000-0000-4000-8000-${id.toString(16).padStart(12, "0")}`;
}

/** The MAC of a PF. */
export function pfMac(host: number, bus: string): string {
  return `52:54:00:79:${bus}:${(0x10 + host).toString(16)}`;
}

/** A PF with four VFs behind one bus. */
export function physicalFunction(name: string, host: number, bus: string): PhysicalFunctionModel {
  return {
    name,
    address: `0000:${bus}:00.0`,
    mac: pfMac(host, bus),
    linkUp: true,
    virtualFunctions: [0, 2, 4, 6].map((number) => ({
      address: `0000:${bus}:10.${number}`,
      driver: "igbvf",
      iommuGroup: 8 + number / 2 + 16 * Number.parseInt(bus, 16),
    })),
  };
}

/** The host uses the VF itself. */
export function occupy(vf: VirtualFunctionModel): void {
  vf.netdev = { name: `vf${vf.iommuGroup}`, up: true, addresses: [] };
}

/** A q35 domain with root ports, and with those devices besides. */
export function domainXml(
  { name, uuid }: { readonly name: string; readonly uuid: string },
  devices = "",
  { machine = "pc-q35-10.0", rootPorts = 6 } = {},
): string {
  const ports = Array.from(
    { length: rootPorts },
    (_, port) =>
      `<controller type='pci' index='${port + 1}' model='pcie-root-port'><address type='pci' domain='0x0000' bus='0x00' slot='0x0${1 + (port >> 3)}' function='0x${port % 8}'/></controller>`,
  );
  return `<domain type='kvm'><name>${name}</name><uuid>${uuid}</uuid><memory unit='KiB'>262144</memory><vcpu placement='static'>1</vcpu><os><type arch='x86_64' machine='${machine}'>hvm</type></os><cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC</model></cpu><devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='pci' index='0' model='pcie-root'/>${ports.join("")}${devices}<memballoon model='none'/></devices></domain>`;
}

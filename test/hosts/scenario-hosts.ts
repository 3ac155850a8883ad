/** Hosts as a scenario has them. */
import { createHash } from "node:crypto";
import type { ClusterConfig } from "../../provider/config/index.js";
import { child, element, textOf, withChildren, type Element } from "../../provider/xml/element.js";
import { formatPciAddress, parsePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { asStarted, hostDevicesOf } from "./definition.js";
import { hostDriverOf, isVfio } from "./drivers.js";
import * as lab from "./two-hosts.js";
import { LibvirtHostModel } from "./libvirt-host.js";
import { MigrationNetwork } from "./migration.js";
import type { BridgeModel, PhysicalFunctionModel, VirtualFunctionModel } from "./node-devices.js";
import { Refusal } from "./refusals.js";
import {
  type BridgeScenario,
  type DomainScenario,
  type HostScenario,
  type PhysicalFunctionScenario,
  plainHost,
  type Scenario,
  ScenarioError,
} from "./scenario.js";

export interface ScenarioHosts {
  readonly networks: ClusterConfig["networks"];
  readonly hosts: readonly LibvirtHostModel[];
  /** Those at whose socket nothing listens. */
  readonly unreachable: ReadonlySet<LibvirtHostModel>;
}

/** @throws ScenarioError for what two parts of a host cannot both be. */
export function hostsOf({ networks = lab.labNetworks, hosts: given }: Scenario): ScenarioHosts {
  const described = Object.entries(given ?? { host1: plainHost(), host2: plainHost() });
  const anyDomains = described.some(([, { domains }]) => domains !== undefined);
  const network = new MigrationNetwork();
  const unreachable = new Set<LibvirtHostModel>();
  const faults: string[] = [];
  const hosts = described.map(([name, scenario], index) => {
    const domains = (scenario.domains ?? []).map(settledDomain);
    if (!anyDomains && index === 0) domains.push(labDomain());
    const physicalFunctions = physicalFunctionsOf(scenario.physicalFunctions ?? [undefined], index + 1, domains);
    const bridges = (scenario.bridges ?? [undefined]).map(bridgeOf);
    faults.push(
      ...twice(
        `hosts.${name}.physicalFunctions`,
        "PF",
        physicalFunctions.map(({ name }) => name),
      ),
      ...twice(`hosts.${name}.physicalFunctions`, "PCI function", addressesOf(physicalFunctions)),
      ...twice(
        `hosts.${name}.bridges`,
        "bridge",
        bridges.map(({ name }) => name),
      ),
      ...twice(
        `hosts.${name}.domains`,
        "domain",
        domains.map(({ name }) => name),
      ),
      ...twice(
        `hosts.${name}.domains`,
        "domain",
        domains.map(({ uuid }) => uuid),
      ),
    );
    const host = new LibvirtHostModel({ name, uuid: lab.hostUuid(index + 1), physicalFunctions, bridges }, network);
    // What stands there twice cannot be loaded; it is refused below.
    if (faults.length === 0) furnish(host, scenario, domains);
    if (!scenario.reachable) unreachable.add(host);
    return host;
  });
  if (faults.length > 0) throw new ScenarioError(faults);
  return { networks, hosts, unreachable };
}

function furnish(host: LibvirtHostModel, scenario: HostScenario, domains: readonly SettledDomain[]): void {
  for (const { live, config, paused, autostart, snapshots, blockJob, migrationBlockers: blockers } of domains) {
    const domain = host.domains.load({ live, config, paused, autostart });
    Object.assign(domain, { blockJob, blockers });
    domain.kept.snapshots = snapshots;
  }
  host.freeMemoryKiB = scenario.freeMemoryMiB * 1024;
  host.cachedMemoryKiB = scenario.cachedMemoryMiB * 1024;
  host.hugepages = scenario.hugepages;
  host.nodes = scenario.numaNodes;
  host.sharedFolders = scenario.sharedFolders;
  host.tls.forced = scenario.migrateTlsForce;
  host.tls.names = scenario.migrationCertificate ?? host.tls.names;
  for (const driver of scenario.missingDaemons) host.missingDaemons.add(driver);
  Object.assign(host.guest, { unplug: scenario.guest.unplug, after: scenario.guest.afterMilliseconds });
  host.memory.milliseconds = scenario.migrationMilliseconds / host.memory.passes;
  const { diesAt } = scenario;
  // Before the refusals: a call at which the host dies is not refused.
  if (diesAt != null) dieAt(host, diesAt);
  for (const { procedure, code, message, times } of scenario.refuse)
    host.refuse(procedure, new Refusal(code, fromQemu, message), { times });
}

const fromQemu = 10;

function dieAt(host: LibvirtHostModel, { procedure, occurrence, moment }: NonNullable<HostScenario["diesAt"]>): void {
  const wanted = Math.max(1, occurrence);
  const losePower = () => host.losePower();
  if (moment === "after") host.after(procedure, losePower, { skip: wanted - 1 });
  else host.before(procedure, losePower, { when: () => host.calls.get(procedure) === wanted });
}

// --- domains

interface SettledDomain {
  readonly name: string;
  readonly uuid: string;
  readonly live: Element | undefined;
  readonly config: Element | undefined;
  readonly paused: boolean;
  readonly autostart: boolean;
  readonly snapshots: number;
  readonly blockJob: boolean;
  readonly migrationBlockers: readonly string[];
}

/** As libvirt has it once it has read the XML: with a UUID, and with aliases while it runs. */
function settledDomain({ live, definition, state, ...rest }: DomainScenario): SettledDomain {
  const given = [live, definition].filter((root) => root != null);
  const name = given.map((root) => textOf(child(root, "name"))).find((text) => text !== undefined) ?? "";
  const uuid = given.map((root) => textOf(child(root, "uuid"))).find((text) => text !== undefined) ?? uuidOf(name);
  const read = (root: Element | null | undefined) => (root == null ? undefined : complete(root, uuid));
  const runs = live != null || (state ?? "shutoff") !== "shutoff";
  const config = read(definition);
  const running = read(live) ?? config;
  return {
    ...{ ...rest, name, uuid, config, paused: state === "paused" },
    live: runs && running !== undefined ? asStarted(running) : undefined,
  };
}

function labDomain(): SettledDomain {
  const nothing = { autostart: false, snapshots: 0, blockJob: false, migrationBlockers: [] };
  return settledDomain({ ...nothing, definition: lab.labVm(), state: "running" });
}

function complete(root: Element, uuid: string): Element {
  const rest = root.children.filter(({ name }) => name !== "uuid");
  const place = rest.findIndex(({ name }) => name === "name") + 1;
  const devices = child(root, "devices") === undefined ? [element("devices")] : [];
  return withChildren(root, [...rest.toSpliced(place, 0, element("uuid", {}, uuid)), ...devices]);
}

/** A VM's UUID from its name: the same on each host, and in each run. */
function uuidOf(name: string): string {
  const digits = createHash("sha256").update(`model-hosts ${name}`).digest("hex");
  const [a, b, c, d] = [digits.slice(0, 8), digits.slice(8, 12), digits.slice(13, 16), digits.slice(17, 20)];
  return `${a}-${b}-4${c}-8${d}-${digits.slice(20, 32)}`;
}

// --- devices

function physicalFunctionsOf(
  given: readonly (PhysicalFunctionScenario | undefined)[],
  host: number,
  domains: readonly SettledDomain[],
): PhysicalFunctionModel[] {
  const used = new Set(
    domains.flatMap(({ live, config }) =>
      [live, config].flatMap((root) => (root === undefined ? [] : hostDevicesOf(root))),
    ),
  );
  const groups = given.flatMap((pf) => (pf?.virtualFunctions ?? []).flatMap(({ iommuGroup }) => iommuGroup ?? []));
  const nextGroup = numbersFrom(24, new Set(groups));
  return given.map((scenario, index) => {
    const bus = (index + 1).toString(16).padStart(2, "0");
    const address = scenario?.address ?? `0000:${bus}:00.0`;
    const virtualFunctions = scenario?.virtualFunctions ?? fourVirtualFunctions;
    const driver = hostDriverOf(virtualFunctions.flatMap(({ driver }) => (driver === undefined ? [] : [{ driver }])));
    const someWithHost = virtualFunctions.some((vf) => vf.driver === undefined || !isVfio(vf.driver));
    return {
      name: scenario?.name ?? `pf${index}`,
      ...{ address, mac: lab.pfMac(host, bus), linkUp: scenario?.linkUp ?? true, mtu: scenario?.mtu ?? 1500 },
      ...(scenario?.numaNode != null && { numaNode: scenario.numaNode }),
      switchdev: scenario?.switchdev ?? false,
      virtualFunctions: virtualFunctions.map((vf, number): VirtualFunctionModel => {
        const where = vf.address ?? virtualFunctionAt(address, number);
        const held = vf.driver ?? driver;
        // Bound at boot, it stays bound; a VF that a domain has was its host's before.
        const atBoot = isVfio(held) && !(used.has(where) && someWithHost);
        const hostDriver = vf.hostDriver ?? (atBoot ? held : isVfio(held) ? driver : undefined);
        return {
          ...{ address: where, driver: held, iommuGroup: vf.iommuGroup ?? nextGroup() },
          ...(hostDriver !== undefined && { hostDriver }),
          ...(vf.netdev !== undefined && {
            netdev: netdevOf(vf.netdev, `${scenario?.name ?? `pf${index}`}v${number}`),
          }),
        };
      }),
    };
  });
}

type VirtualFunctionScenario = NonNullable<PhysicalFunctionScenario["virtualFunctions"]>[number];
const fourVirtualFunctions: readonly VirtualFunctionScenario[] = [{}, {}, {}, {}];

function netdevOf(
  given: VirtualFunctionScenario["netdev"],
  name: string,
): Exclude<VirtualFunctionModel["netdev"], undefined> {
  if (given == null) return null;
  const { up, addresses, master } = given;
  return { name: given.name ?? name, up, addresses, ...(master != null && { master }) };
}

/** Where an 82576 has its n-th VF: every second function from device 16 on. */
function virtualFunctionAt(pf: string, number: number): string {
  const { domain, bus, function: port } = parsePciAddress(pf) ?? { domain: 0, bus: 0, function: 0 };
  const routing = (bus << 8) + 0x80 + 2 * number + (port & 1);
  return formatPciAddress({ domain, bus: routing >> 8, slot: (routing >> 3) & 0x1f, function: routing & 7 });
}

function bridgeOf(given: BridgeScenario | undefined, index: number): BridgeModel {
  if (given === undefined) return lab.labBridge;
  const { mtu, kind, vlanFiltering } = given;
  return { name: given.name ?? `br${index}`, mtu, ports: given.ports ?? [`uplink${index}`], kind, vlanFiltering };
}

function addressesOf(physicalFunctions: readonly PhysicalFunctionModel[]): readonly string[] {
  return physicalFunctions.flatMap(({ address, virtualFunctions }) => [
    address,
    ...virtualFunctions.map((vf) => vf.address),
  ]);
}

function numbersFrom(first: number, taken: ReadonlySet<number>): () => number {
  let next = first;
  return () => {
    while (taken.has(next)) next += 1;
    return next++;
  };
}

function twice(where: string, what: string, names: readonly string[]): readonly string[] {
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...repeated].map((name) => `${where}: has ${what} "${name}" twice`);
}

/**
 * Forged metadata on the in-process hosts, read by the product's own gatherers and acted upon by `recover` and by what an `up` does:
 * nothing changes but the domain that carries it, and what cannot be is refused in words.
 */
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vmPlacement } from "../../provider/handlers/libvirt/vm-placement.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { recover } from "../../provider/migration/recover.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { formatXml, parseXml, withChildren, type Element } from "../../provider/xml/element.js";
import { findMetadata } from "../../provider/backends/libvirt/xml/metadata.js";
import { isClaimName } from "../../provider/backends/libvirt/xml/vf-claim.js";
import { bridgeProfile, declarePair, vfProfile, type DeclaredPair } from "../hosts/declared.js";
import { domainXml, twoHosts, physicalFunction, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import { journalOf } from "../hosts/left-journal.js";
import { buildJournal } from "../../provider/migration/journal.js";
import type { DomainModel } from "../hosts/domains.js";
import type { LibvirtHostModel } from "../hosts/libvirt-host.js";
import type { Chance } from "../simulation/chance.js";
import { domainKinds, forgedElement, realDocuments, settingOf, type DomainKind } from "./forged.js";
import { requireProblem } from "./metadata.js";

const networks = {
  data: { bridge: "br0", mtu: 1500 },
  "data-vf": { physicalFunctions: ["pf0"] },
  "mgmt-vf": { physicalFunctions: ["pf0"], vlan: 666 },
};

/** Milliseconds after which a command that does nothing but read and refuse counts as hanging. */
const patience = 60_000;

const others = [
  { name: "db", uuid: "11111111-2222-4333-8444-0000000000a1", vf: vfs[3] },
  { name: "off", uuid: "11111111-2222-4333-8444-0000000000b1", vf: undefined },
] as const;

/** Bound to VFIO by others than libvirt, which knows of no user: a container, DPDK. It is of a PF that the cluster does not have. */
const ofContainer = "0000:02:10.0";

/** A VM of its own, with a VF of the cluster's network, on each host. */
function addOthers(host: LibvirtHostModel, chance: Chance): void {
  for (const { name, uuid, vf } of others) {
    const hostId = host.name.slice(-1);
    const known = { name: `${name}-${hostId}`, uuid: `${uuid.slice(0, -3)}${hostId}${uuid.slice(-2)}` };
    const device =
      vf === undefined
        ? ""
        : `<hostdev mode='subsystem' type='pci' managed='no'><source><address domain='0x0000' bus='0x01' slot='0x10' function='0x${vf.slice(-1)}'/></source></hostdev>`;
    const domain = host.domains.define(domainXml(known, device));
    const bound = host.devices.functionAt(vf ?? "")?.vf;
    if (bound !== undefined) bound.driver = "vfio-pci";
    if (name === "db") host.domains.start(domain);
  }
  host.devices.physicalFunctions.push(physicalFunction("pf1", Number(host.name.slice(-1)), "02"));
  const taken = host.devices.functionAt(ofContainer)?.vf;
  if (taken !== undefined) taken.driver = "vfio-pci";
  if (host.name !== "host1" && chance.happens(0.4)) {
    // A definition of the VM's own name: another VM, or an old copy of this one.
    const uuid = chance.happens(0.75) ? vm.uuid : "11111111-2222-4333-8444-0000000000e1";
    host.domains.define(domainXml({ name: vm.name, uuid }));
  }
}

export interface ForgedRun {
  /** What stood in the way of the forger's wishes, by its code. */
  readonly refusals: readonly string[];
  /** Commands that ended without one. */
  readonly taken: number;
}

/**
 * One world, one forged document in it, and every command that meets it.
 * @throws Error when a command fails without words or not at all within a minute, or when anything but the carrier has changed.
 */
export async function actOnForged(chance: Chance): Promise<ForgedRun> {
  const lab = await twoHosts({ networks, more: 1 });
  try {
    const pair = await declarePair(lab);
    for (const host of lab.hosts) addOthers(host, chance);
    const carrier = lab.host1.domains.requireNamed(vm.name);
    const network = chance.happens(0.15) ? lab.hosts[chance.below(lab.hosts.length)] : undefined;
    const text = network === undefined ? forgeInDomain(carrier, pair, chance) : forgeInNetwork(network, chance);
    if (chance.happens(0.3)) lab.host1.domains.stop(carrier);
    const before = stateOfOthers(lab, network);
    const refusals: string[] = [];
    let taken = 0;
    const [recovery, ...others] = commandsFor(lab, pair);
    for (const command of shuffled([recovery, ...shuffled(others, chance).slice(0, 3)], chance)) {
      try {
        await withinPatience(command());
        taken += 1;
      } catch (error) {
        requireProblem(error, text);
        refusals.push((error as { problem: { code: string } }).problem.code);
      }
    }
    const after = stateOfOthers(lab, network);
    const changed = Object.keys({ ...before, ...after }).filter((what) => before[what] !== after[what]);
    if (changed.length > 0) {
      const told = changed.map((what) => `${what}:\n  ${before[what] ?? "absent"}\n  ${after[what] ?? "absent"}`);
      throw new Error(`forged metadata changed what does not carry it:\n${told.join("\n")}\n${text}`);
    }
    return { refusals, taken };
  } finally {
    await lab.close();
  }
}

type Command = () => Promise<unknown>;

/** What a person or Pulumi runs: the command line, a refresh, and an `up` that asks for nothing new. */
function commandsFor(lab: LabLike, pair: DeclaredPair): readonly [Command, ...Command[]] {
  const placement = { vm: vm.name, host: "host1" };
  const nic = { vm: vm.name, profile: pair.profile, mac: vm.mac };
  const urn = "urn:pulumi:dev::web::pulumi-nodejs:dynamic:Resource::placement";
  return [
    () => recover(lab.cluster, vm.name, { now: true }),
    () => plugMissingVfs(lab.cluster, vm.name, lab.progress),
    () => vmPlacement.check(lab.context({ urn }), placement, undefined),
    () => vmPlacement.read(lab.context(), vm.name, { ...placement, missing: [] }),
    () => vmPlacement.update(lab.context({ urn }), vm.name, { ...placement, missing: [] }, placement),
    async () => vmPlacement.import?.(lab.context(), vm.name),
    () => vmInterface.check(lab.context(), nic, undefined),
    () => vmInterface.read(lab.context(), pair.id, pair.state),
    () => vmInterface.update(lab.context(), pair.id, pair.state, { ...nic, plugged: true, linked: true }),
    () => vmInterface.check(lab.context(), { ...nic, vm: "db-2", mac: "52:54:00:aa:00:77" }, undefined),
    () => vnicProfile.check(lab.context(), { ...vfProfile, failover: pair.standbyProfile }, undefined),
    () => vnicProfile.read(lab.context(), pair.standbyProfile, { ...bridgeProfile, id: pair.standbyProfile } as never),
  ];
}

function shuffled<T>(items: readonly T[], chance: Chance): readonly T[] {
  return items
    .map((item) => ({ item, at: chance.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

async function withinPatience(command: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the command has not ended within ${patience / 1000} s`)), patience);
  });
  try {
    await Promise.race([command, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

// --- forging

function forgeInDomain(carrier: DomainModel, pair: DeclaredPair, chance: Chance): string {
  const kind = chance.of([...domainKinds, "journal", "journal", "interfaces", "owed"] as const);
  const real = realOf(kind, carrier, pair, chance);
  const metadata = asLibvirtTakesIt(() => {
    // A journal where there was no move is forged as it is.
    const forged = kind === "journal" && chance.happens(0.4) ? real : forgedElement(real, chance);
    return settingOf(kind, forged, real, chance);
  });
  const own = ({ children }: Element) => children.filter(({ name }) => name !== `vnic:${kind}`);
  const into = (definition: Element | undefined): Element | undefined =>
    definition &&
    withChildren(definition, [
      ...definition.children.filter(({ name }) => name !== "metadata"),
      {
        name: "metadata",
        attributes: {},
        children: [...definition.children.filter(({ name }) => name === "metadata").flatMap(own), ...metadata],
      },
    ]);
  if (chance.happens(0.85)) carrier.live = into(carrier.live);
  if (chance.happens(0.85)) carrier.config = into(carrier.config);
  return formatXml({ name: "metadata", attributes: {}, children: metadata });
}

/** What is nested too deeply, or has characters that XML lacks, libvirt refuses itself. */
function asLibvirtTakesIt(forge: () => readonly Element[]): readonly Element[] {
  for (;;) {
    try {
      const children = forge();
      parseXml(formatXml({ name: "metadata", attributes: {}, children }));
      return children;
    } catch (error) {
      requireProblem(error);
    }
  }
}

/** Of this very VM, where it has one. */
function realOf(kind: DomainKind, { config }: DomainModel, pair: DeclaredPair, chance: Chance): Element {
  if (kind === "journal") {
    const [from, to] = chance.of([
      ["host1", "host2"],
      ["host2", "host1"],
      ["host3", "host1"],
      ["host3", "host2"],
    ] as const);
    const step = chance.of(["reserve", "unplug", "migrate", "plug"] as const);
    return buildJournal(journalOf(pair, { uuid: vm.uuid, from, to, step }));
  }
  return (config && findMetadata(kind, config)) ?? realDocuments[kind];
}

/** The host keeps one of the profiles otherwise, or has a claim that was forged. */
function forgeInNetwork(host: LibvirtHostModel, chance: Chance): string {
  const profiles = host.networks.all();
  const chosen = chance.of(profiles);
  const real = chance.happens(0.7) ? parseXml(host.networks.xml(chosen)) : realDocuments.claim;
  const [forged = real] = asLibvirtTakesIt(() => [forgedElement(real, chance)]);
  const text = formatXml(forged);
  try {
    host.networks.define(text);
  } catch {
    // As libvirt would refuse it: a name or a UUID that another network has.
  }
  return text;
}

// --- what must stay

/** Everything but the carrier: by its name, as text. On the carrier's host its own VF and free ones may change hands. */
function stateOfOthers({ hosts }: LabLike, forgedOn: LibvirtHostModel | undefined): Readonly<Record<string, string>> {
  const entries = hosts.flatMap((host) => {
    const carriesVm = host.name === "host1";
    const domains = host.domains
      .all()
      .filter(({ uuid }) => !(carriesVm && uuid === vm.uuid))
      .map((domain) => [`${host.name} domain ${domain.name} ${domain.uuid}`, textOfDomain(domain)] as const);
    const networks = host.networks
      .all()
      .filter(({ name }) => !(forgedOn === host && isClaimName(name)))
      .map((network) => [`${host.name} network ${network.name}`, host.networks.xml(network)] as const);
    const devices = host.devices
      .virtualFunctions()
      .filter(({ address }) => !carriesVm || address === vfs[3] || address === ofContainer)
      .map(({ address, driver }) => [`${host.name} VF ${address}`, driver] as const);
    return [...domains, ...networks, ...devices];
  });
  return Object.fromEntries(entries);
}

function textOfDomain({ live, config, state, reason, id, autostart, resets }: DomainModel): string {
  const xml = [live, config].map((each) => (each === undefined ? "none" : formatXml(each)));
  return JSON.stringify({ xml, state, reason, id, autostart, resets });
}

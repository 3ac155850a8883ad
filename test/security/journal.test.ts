/** Who may edit a VM's metadata, or says that he runs it, against other VMs, other hosts and other networks. */
import { hostname } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { vmPlacement } from "../../provider/handlers/libvirt/vm-placement.js";
import { buildJournal, type Journal } from "../../provider/migration/journal.js";
import { settleOwed } from "../../provider/migration/owed.js";
import { buildOwed } from "../../provider/backends/libvirt/xml/owed-record.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { recover } from "../../provider/migration/recover.js";
import { child, formatXml } from "../../provider/xml/element.js";
import { buildInterfaceRecords, type InterfaceRecord } from "../../provider/backends/libvirt/xml/interface-record.js";
import { metadataNamespace, metadataPrefix } from "../../provider/backends/libvirt/xml/metadata.js";
import { changing } from "../hosts/changing-calls.js";
import { declarePair, vfProfile, type DeclaredPair } from "../hosts/declared.js";
import { domainXml, twoHosts, physicalFunction, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import type { VirtualFunctionModel } from "../hosts/node-devices.js";
import { journalOf, leave, deadPid, pci } from "../hosts/left-journal.js";
import { clusterState, type ClusterState } from "../hosts/cluster-state.js";
import { TestClock } from "../hosts/test-clock.js";
import type { DomainModel } from "../hosts/domains.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
});
afterEach(() => lab.close());

const victim = { name: "db", uuid: "11111111-2222-4333-8444-0000000000a1" } as const;
const forger = { name: "db", uuid: "11111111-2222-4333-8444-0000000000a2" } as const;

const forged = (parts: Partial<Journal> = {}): Journal => ({
  id: "6f2c1f0e-7a4c-4c2e-9a3f-3c1b0d9e8f7a",
  from: "host1",
  to: "host2",
  step: "migrate",
  mover: { machine: hostname(), pid: deadPid },
  started: 1,
  until: 2,
  interfaces: [],
  ...parts,
});

function writeInto(host: LabLike["host1"], domain: DomainModel, journal: Journal): void {
  const affect = (domain.live === undefined ? 0 : 1) | (domain.config === undefined ? 0 : 2);
  const text = formatXml(buildJournal(journal));
  host.domains.setMetadata(domain, metadataNamespace("journal"), metadataPrefix, text, affect);
}

/** As XML, without the journal in its metadata. */
const devicesOf = ({ live }: DomainModel): string => formatXml(child(live, "devices") ?? expect.unreachable());

/** Calls that changed something on that host, so far. */
const changes = (host: LabLike["host1"]): number =>
  [...changing].reduce((sum, procedure) => sum + (host.calls.get(procedure) ?? 0), 0);

/** What the command line, a refresh and the next `up` do with it; whatever they say of it. */
async function actOn(name: string): Promise<void> {
  await recover(lab.cluster, name, { now: true }).catch(() => undefined);
  const state = { vm: name, host: "host2", current: "host2" };
  await vmPlacement.read(lab.context(), name, state as never).catch(() => undefined);
  await vmPlacement.update(lab.context(), name, state as never, { vm: name, host: "host2" }).catch(() => undefined);
  await recover(lab.cluster, name).catch(() => undefined);
}

describe("X1: a forged journal on a host where a namesake runs", () => {
  test.each([
    ["shut off", () => lab.host1.domains.define(domainXml(victim))],
    ["running", () => lab.host1.domains.start(lab.host1.domains.define(domainXml(victim)))],
    [
      "paused by an I/O error",
      () => {
        const domain = lab.host1.domains.define(domainXml(victim));
        lab.host1.domains.start(domain);
        Object.assign(domain, { state: 3, reason: 5 });
      },
    ],
    [
      "starting",
      () => {
        const domain = lab.host1.domains.define(domainXml(victim));
        lab.host1.domains.start(domain);
        Object.assign(domain, { state: 3, reason: 11 });
      },
    ],
  ])("leaves the other VM, %s, alone", async (_, makeVictim) => {
    makeVictim();
    const before = lab.host1.domains.named("db");
    const state = { ...before };
    const evil = lab.host2.domains.define(domainXml(forger));
    lab.host2.domains.start(evil);
    writeInto(lab.host2, evil, forged());
    const untouched = changes(lab.host1);
    await actOn("db");
    expect(lab.host1.domains.named("db")).toMatchObject({ uuid: victim.uuid, state: state.state, id: state.id });
    expect(changes(lab.host1)).toBe(untouched);
  });

  test("with the other VM's own UUID in it is no journal of the forger's", async () => {
    lab.host1.domains.define(domainXml(victim));
    const evil = lab.host2.domains.define(domainXml(forger));
    lab.host2.domains.start(evil);
    writeInto(lab.host2, evil, forged({ uuid: victim.uuid }));
    await actOn("db");
    expect(lab.host1.domains.named("db")?.uuid).toBe(victim.uuid);
  });

  test("of a host that copies the UUID ends nothing on a host whose own copy carries no such journal", async () => {
    lab.host1.domains.define(domainXml(victim));
    const evil = lab.host2.domains.define(domainXml(victim));
    lab.host2.domains.start(evil);
    writeInto(lab.host2, evil, forged({ uuid: victim.uuid }));
    await actOn("db");
    expect(lab.host1.domains.named("db")?.uuid).toBe(victim.uuid);
  });
});

describe("X9: an interrupted move", () => {
  test("is told of by a refresh, and ended by none", async () => {
    const pair = await declarePair(lab);
    leave(lab, journalOf(pair, { step: "unplug" }));
    const before = clusterState(lab);
    const counts = lab.hosts.map(changes);
    const state = { vm: vm.name, host: "host1", current: "host1" };
    await vmPlacement.read(lab.context(), vm.name, state as never);
    expect(clusterState(lab)).toEqual(before);
    expect(lab.hosts.map(changes)).toEqual(counts);
    expect(lab.progress.warnings.join("\n")).toMatch(
      /was interrupted\. Run pulumi up or vnic-failover recover web to complete it or roll it back\./,
    );
  });
});

describe("X16, X2: a journal that names devices and networks of others", () => {
  let pair: DeclaredPair;
  beforeEach(async () => {
    await lab.close();
    lab = await twoHosts({
      networks: {
        data: { bridge: "br0", mtu: 1500 },
        "data-vf": { physicalFunctions: ["pf0"] },
        "mgmt-vf": { physicalFunctions: ["pf0"], vlan: 666 },
      },
    });
    pair = await declarePair(lab);
  });
  const [nic] = [() => journalOf(pair).interfaces[0] ?? expect.unreachable()];

  /** A VF of a PF that no network names, which something else on the host has bound. */
  function bindForeign(host: LabLike["host1"]): VirtualFunctionModel {
    const pf = physicalFunction("pf9", 2, "09");
    host.devices.physicalFunctions.push(pf);
    const [vf = expect.unreachable()] = pf.virtualFunctions;
    vf.driver = "vfio-pci";
    return vf;
  }

  test.each(["host1", "host2"] as const)(
    "X16: gives no device of %s back that others have bound to VFIO",
    async (name) => {
      const host = lab[name];
      const foreign = bindForeign(host);
      const named = name === "host1" ? "sourceVf" : "destinationVf";
      leave(lab, journalOf(pair, { interfaces: [{ ...nic(), [named]: pci(foreign.address) }] }));
      if (name === "host1") {
        // The VM is on the destination: that one's devices are looked at, and the source's are to be returned.
        const web = lab.host1.domains.requireNamed("web");
        const xml = formatXml(web.config ?? expect.unreachable());
        lab.host1.domains.stop(web);
        lab.host1.domains.undefine(web);
        lab.host2.domains.start(lab.host2.domains.define(xml));
      }
      await expect(recover(lab.cluster, "web")).rejects.toMatchObject({ problem: { code: "journal-foreign-device" } });
      expect(host.calls.get("node_device_re_attach") ?? 0).toBe(0);
      expect(foreign.driver).toBe("vfio-pci");
    },
  );

  test("X16: a note of what is owed returns no VF that another move has reserved", async () => {
    const [, vf] = vfs;
    const other = lab.host1.domains.define(domainXml(victim));
    writeInto(lab.host1, other, forged({ interfaces: [{ ...nic(), destinationVf: pci(vf) }] }));
    const bound = lab.host2.devices.virtualFunctions()[1] ?? expect.unreachable();
    bound.driver = "vfio-pci";
    const web = lab.host1.domains.requireNamed("web");
    const owe = (vfs: readonly string[]) => {
      const text = formatXml(buildOwed([{ host: "host2", move: "a-move", vfs: vfs.map(pci) }]));
      lab.host1.domains.setMetadata(web, metadataNamespace("owed"), metadataPrefix, text, 3);
    };
    const settle = async () => settleOwed(lab.cluster, await lab.cluster.require("web"));
    owe([vf]);
    await settle();
    expect(bound.driver).toBe("vfio-pci");
    lab.host1.domains.undefine(other);
    owe([vf]);
    await settle();
    expect(bound.driver).not.toBe("vfio-pci");
  });

  test("X2: plugs no interface that the definition lacks", async () => {
    const more = {
      ...nic(),
      primaryAlias: "ua-more",
      network: "mgmt-vf",
      mac: "52:54:00:de:ad:01",
      sourceVf: pci(vfs[2]),
      destinationVf: pci(vfs[2]),
    };
    leave(lab, journalOf(pair, { interfaces: [nic(), more] }));
    await recover(lab.cluster, "web").catch(() => undefined);
    const web = lab.host1.domains.requireNamed("web");
    expect(devicesOf(web)).not.toMatch(/id="666"|52:54:00:de:ad:01|ua-more/);
  });

  test("X2: gives an interface that the definition has no other MAC and no other network", async () => {
    const web = lab.host1.domains.requireNamed("web");
    lab.host1.domains.remove(web, nic().primaryAlias, 1);
    leave(lab, journalOf(pair, { interfaces: [{ ...nic(), network: "mgmt-vf", mac: "52:54:00:de:ad:01" }] }));
    await recover(lab.cluster, "web").catch(() => undefined);
    expect(devicesOf(web)).not.toMatch(/id="666"|52:54:00:de:ad:01/);
  });
});

describe("X2: a forged record of an interface", () => {
  test("gives the VM no VF, and says who may", async () => {
    await lab.close();
    lab = await twoHosts({
      networks: {
        data: { bridge: "br0", mtu: 1500 },
        "data-vf": { physicalFunctions: ["pf0"] },
        "mgmt-vf": { physicalFunctions: ["pf0"], vlan: 666 },
      },
    });
    const { standbyProfile, id, state } = await declarePair(lab);
    const management = { ...vfProfile, name: "mgmt-vf", network: "mgmt-vf", failover: standbyProfile };
    const other = await vnicProfile.create(lab.context(), management);
    const web = lab.host1.domains.requireNamed("web");
    const [standbyAlias = "", primaryAlias = ""] = state.aliases;
    lab.host1.domains.remove(web, primaryAlias, 1);
    const record: InterfaceRecord = {
      id,
      profile: other.id,
      standbyProfile,
      mac: "52:54:00:de:ad:01",
      plugged: true,
      linked: true,
      adopted: { primaryAlias: "ua-more", standbyAlias },
    };
    const text = formatXml(buildInterfaceRecords([record]));
    lab.host1.domains.setMetadata(web, metadataNamespace("interfaces"), metadataPrefix, text, 3);
    await plugMissingVfs(lab.cluster, "web", lab.progress);
    expect(devicesOf(web)).not.toMatch(/id="666"|52:54:00:de:ad:01|ua-more/);
    expect(lab.progress.warnings).toContainEqual(
      expect.stringMatching(
        /the VM's definition has no VF of network "mgmt-vf" for this interface\. Run pulumi up in the stack that declares/,
      ),
    );
  });
});

describe("X22: a journal of a mover elsewhere that claims to be at work for months", () => {
  test("is waited for, and not taken over at once", async () => {
    const pair = await declarePair(lab);
    const until = lab.clock.now() + 60 * 24 * 3_600_000;
    leave(lab, journalOf(pair, { mover: { machine: "elsewhere", pid: 1 }, until }));
    const before = clusterState(lab);
    let after: ClusterState | undefined;
    lab.clock.after(until - lab.clock.now() - 1, () => (after = clusterState(lab)));
    await recover(lab.cluster, "web");
    expect(lab.clock.now()).toBeGreaterThanOrEqual(until);
    expect(after).toEqual(before);
  });
});

/** A network whose bridge has another name on the other host: the VM's NICs go along to it, and come back. */
import { describe, expect, test } from "vitest";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { plan } from "../../provider/cli/commands/libvirt/plan.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vmPlacement } from "../../provider/handlers/libvirt/vm-placement.js";
import { MoveFailed, moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../provider/migration/options.js";
import { errorsOf, planMove } from "../../provider/migration/plan.js";
import { recover } from "../../provider/migration/recover.js";
import { formatXml, parseXml, type Element } from "../../provider/xml/element.js";
import { contextWith } from "../cli/command-context.js";
import { prepared } from "../hosts/changing-calls.js";
import { declarePair, type DeclaredPair } from "../hosts/declared.js";
import { disown } from "../hosts/left-journal.js";
import { refusals } from "../hosts/refusals.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { TestClock } from "../hosts/test-clock.js";
import { labNetworks, twoHosts, vfs, type LabLike } from "../hosts/two-hosts.js";

const bridge = (name: string) => ({ name, mtu: 1500, ports: ["uplink0"] });

/** On host2 the networks have the bridges `br-data` and `br-office`, and nothing has the names that they have on host1. */
const it = test.extend<{
  readonly made: { lab: LabLike; pair: DeclaredPair };
  readonly lab: LabLike;
  readonly pair: DeclaredPair;
}>({
  // vitest reads from this pattern which fixtures a fixture needs.
  made: async ({}, use) => {
    const lab = await twoHosts({
      clock: new TestClock(),
      networks: { ...labNetworks, office: { bridge: "br7" } },
      hostNetworks: { host2: { data: { bridge: "br-data" }, office: { bridge: "br-office" } } },
    });
    lab.host1.devices.bridges.push(bridge("br7"), bridge("br9"));
    lab.host2.devices.bridges.splice(0, 1, bridge("br-data"), bridge("br-office"), bridge("br9"));
    try {
      const pair = await declarePair(lab);
      await use({ lab, pair });
    } finally {
      await lab.close();
    }
  },
  lab: async ({ made }, use) => use(made.lab),
  pair: async ({ made }, use) => use(made.pair),
});

const move = ({ cluster, progress }: LabLike, to = "host2", options: Partial<MigrationOptions> = {}) =>
  moveVm(cluster, { vm: "web", to, progress, options: { ...defaultMigrationOptions, ...options } });

/** The bridges of the VM's NICs, as it runs and as it is defined there. */
function bridgesOn({ domains }: LabLike["host1"]) {
  const { live, config } = domains.requireNamed("web");
  const of = (definition: Element | undefined) =>
    parseDomain(formatXml(definition ?? expect.fail("it is not there"))).interfaces.flatMap(
      ({ source }) => source.bridge ?? [],
    );
  return { live: of(live), config: of(config) };
}

const both = (...names: readonly string[]) => ({ live: names, config: names });

/** The VM has a NIC besides that is in no pair. */
function giveNic({ host1: { domains } }: LabLike, name: string, on: string): void {
  const xml = `<interface type='bridge'><mac address='52:54:00:aa:00:77'/><source bridge='${on}'/><model type='virtio'/><alias name='ua-${name}'/></interface>`;
  domains.attach(domains.requireNamed("web"), parseXml(xml), Affect.LIVE | Affect.CONFIG);
}

const said = async (lab: LabLike) =>
  errorsOf(await planMove(lab.cluster, "web", "host2")).map(({ rule, message }) => `${rule}: ${message}`);

describe.concurrent("a bridge with another name on the destination", () => {
  it.for(["early", "late"] as const)(
    "is the standby's there, and the first one's after the way back: %s",
    async (unplug, { lab }) => {
      expect((await move(lab, "host2", { unplug }))?.outcome).toBe("moved");
      expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
      expect(bridgesOn(lab.host2)).toEqual(both("br-data"));
      expect((await move(lab, "host1", { unplug }))?.outcome).toBe("moved");
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
      expect(bridgesOn(lab.host1)).toEqual(both("br0"));
    },
  );

  it("is so for any NIC on the bridge of a network, and one on another bridge keeps its name", async ({ lab }) => {
    giveNic(lab, "office", "br7");
    giveNic(lab, "lan", "br9");
    expect((await move(lab))?.outcome).toBe("moved");
    expect(bridgesOn(lab.host2)).toEqual(both("br-data", "br-office", "br9"));
  });

  it("stands in the plan, and in a preview", async ({ lab }) => {
    const words = /NIC "ua-[0-9a-f-]+" \(network "data"\) goes from bridge "br0" to bridge "br-data" of "host2"\./;
    const { text, document } = await plan(contextWith({ cluster: lab.cluster }), { vm: "web", to: "host2" });
    expect(text).toMatch(words);
    expect(text).toContain("The move is possible.");
    expect(document).toMatchObject({ bridges: [{ network: "data", before: "br0", after: "br-data" }] });
    const { failures } = await vmPlacement.check(lab.context(), { vm: "web", host: "host2" });
    expect(failures).toEqual([]);
    expect(lab.progress.infos).toEqual(expect.arrayContaining([expect.stringMatching(words) as string]));
  });

  it("is looked for by that name", async ({ lab }) => {
    giveNic(lab, "office", "br7");
    lab.host2.devices.bridges.splice(0, 2, bridge("br0"), bridge("br7"));
    expect(await said(lab)).toEqual([
      'move-standby-network: Host "host2" has no bridge "br-data" (network "data"), which a virtio interface of VM "web" needs.',
      'move-standby-network: Host "host2" has no bridge "br-office" (network "office"), which a virtio interface of VM "web" needs.',
    ]);
  });

  it("is no drift of the interface afterwards", async ({ lab, pair: { id, state } }) => {
    const before = await vmInterface.read(lab.context(), id, state);
    await move(lab);
    const after = await vmInterface.read(lab.context(), id, state);
    expect(after?.inputs).toEqual(before?.inputs ?? expect.fail("it is not there"));
    expect(after?.state).toMatchObject({ host: "host2", missing: [] });
  });

  it("changes nothing of a VM whose move is rolled back", async ({ lab }) => {
    const before = lab.host1.domains.requireNamed("web").live;
    lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
    await expect(move(lab)).rejects.toThrow(MoveFailed);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(bridgesOn(lab.host1)).toEqual(both("br0"));
    expect(parseDomain(formatXml(before ?? expect.fail())).interfaces).toHaveLength(2);
  });

  it.for([
    ["before Prepare", "host2", "domain_migrate_prepare3_params", "before", "host1", "br0"],
    ["after Prepare", "host2", "domain_migrate_prepare3_params", "after", "host1", "br0"],
    ["after Finish", "host2", "domain_migrate_finish3_params", "after", "host2", "br-data"],
    ["before Confirm", "host1", "domain_migrate_confirm3_params", "before", "host2", "br-data"],
  ] as const)(
    "is right after a recovery of a mover that died %s",
    async ([, host, procedure, moment, at, name], { lab }) => {
      const mover = await lab.entrance();
      lab[host][moment](procedure, () => mover.die());
      await expect(moveVm(mover.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
      disown(lab);
      await recover(lab.cluster, "web");
      expect(clusterState(lab)).toEqual(expectedState(at, vfs[0]));
      expect(bridgesOn(lab[at])).toEqual(both(name));
    },
  );

  it("lets nothing else pass: a source that names a bridge of the destination is refused", async ({ lab }) => {
    const web = lab.host1.domains.requireNamed("web");
    lab.host1.refusesNothing = true;
    lab.host1.before(
      "domain_migrate_begin3_params",
      () => {
        web.live = parseXml(formatXml(web.live ?? expect.fail()).replace(/bridge=(['"])br0\1/, "bridge='br-office'"));
      },
      { when: () => true, skip: 1 },
    );
    await expect(move(lab)).rejects.toThrow(/resources that the VM did not have when the move began: .*br-office/);
    expect(prepared(lab)).toBe(0);
  });

  it("and a definition whose interfaces are edited meanwhile is refused still", async ({ lab }) => {
    lab.host1.before("domain_detach_device_alias", () => giveNic(lab, "office", "br0"));
    await expect(move(lab)).rejects.toThrow(/interface/);
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"], journals: [] });
  });
});

/** Two networks share a bridge on the VM's host alone. */
describe.concurrent("a bridge of several networks", () => {
  const shared = {
    networks: { office: { bridge: "br0" }, ...labNetworks },
    hostNetworks: { host2: { office: { bridge: "br7" } } },
  };

  test("is that of the network which the NIC was declared with", async () => {
    const lab = await twoHosts({ clock: new TestClock(), ...shared });
    lab.host2.devices.bridges.push(bridge("br7"));
    await declarePair(lab);
    expect((await move(lab))?.outcome).toBe("moved");
    expect(bridgesOn(lab.host2)).toEqual(both("br0"));
    await lab.close();
  });

  test("is not guessed for a NIC of which nothing is recorded", async () => {
    const lab = await twoHosts({ clock: new TestClock(), ...shared });
    lab.host2.devices.bridges.push(bridge("br7"));
    await declarePair(lab);
    giveNic(lab, "lan", "br0");
    expect(await said(lab)).toEqual([
      'move-bridge-network-known: NIC "ua-lan" of VM "web" is on bridge "br0", which is that of networks "office" and "data" on host "host1". These have different bridges on host "host2", and it is not known which of them the NIC is of.',
    ]);
    await lab.close();
  });
});

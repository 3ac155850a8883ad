/** Hosts whose libvirt is modular and lacks one of its daemons: what is asked for elsewhere, what is unknown, and what cannot be. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { doctor } from "../../../../provider/cli/commands/libvirt/doctor.js";
import { plan } from "../../../../provider/cli/commands/libvirt/plan.js";
import { status } from "../../../../provider/cli/commands/libvirt/status.js";
import { drainFacts } from "../../../../provider/drain/facts.js";
import { closeAll } from "../../../../provider/handlers/shutdown.js";
import { vmInterface } from "../../../../provider/handlers/libvirt/vm-interface.js";
import { vmPlacement } from "../../../../provider/handlers/libvirt/vm-placement.js";
import { vnicProfile } from "../../../../provider/handlers/libvirt/vnic-profile.js";
import { moveVm } from "../../../../provider/migration/move.js";
import { optionalDrivers, type OptionalDriver } from "../../../../provider/backends/libvirt/rpc/optional-drivers.js";
import { giveDevices, standbyByHand, vfByHand } from "../../../hosts/by-hand.js";
import { bridgeProfile, declarePair } from "../../../hosts/declared.js";
import { domainXml, twoHosts, vfs, type LabLike } from "../../../hosts/two-hosts.js";
import { contextWith } from "../../command-context.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(async () => {
  await closeAll();
  await lab.close();
});

const context = () => contextWith({ cluster: lab.cluster });
const findingsOf = ({ document }: Awaited<ReturnType<typeof plan>>) =>
  document["findings"] as { readonly rule: string; readonly severity: string; readonly message: string }[];
const errorsIn = (answer: Awaited<ReturnType<typeof plan>>) =>
  findingsOf(answer).filter(({ severity }) => severity === "error");

const lacking = (driver: OptionalDriver, ...hosts: (1 | 2)[]) => {
  for (const host of hosts) (host === 1 ? lab.host1 : lab.host2).missingDaemons.add(driver);
};

const places: readonly (readonly (1 | 2)[])[] = [[1], [2], [1, 2]];
const without = optionalDrivers.flatMap((driver) => places.map((hosts) => ({ driver, hosts })));

describe.each(without)("without virt$driver\\d on hosts $hosts", ({ driver, hosts }) => {
  const knowsVfs = driver !== "nodedev";

  it("status and doctor tell what there is", async () => {
    await declarePair(lab);
    lacking(driver, ...hosts);
    const seen = await status(context(), {});
    expect(seen.outcome).toBe("ok");
    expect(seen.text).toContain("0000:01:10.0");
    const diagnosis = await doctor(context());
    const used = ["interface", "network", "nodedev"].includes(driver);
    const named = findingsOf(diagnosis).filter(
      ({ rule }) => rule === (knowsVfs ? "host-drivers" : "host-devices-known"),
    );
    expect(named.map(({ message }) => message)).toEqual(
      used ? hosts.map((host) => expect.stringContaining(`Unable to ask "host${host}" for `) as string) : [],
    );
    expect(errorsIn(diagnosis).map(({ rule }) => rule)).toEqual(knowsVfs ? [] : hosts.map(() => "host-devices-known"));
    if (!used) return;
    expect(diagnosis.text).toContain(`virt${driver}d does not answer`);
    expect(diagnosis.text).toContain(
      `Install libvirt-daemon-driver-${driver} on that host and enable its socket: systemctl enable --now virt${driver}d.socket`,
    );
  });

  it("a VM without a VF is planned, previewed, drained and moved", async () => {
    lacking(driver, ...hosts);
    expect(errorsIn(await plan(context(), { vm: "web", to: "host2" }))).toEqual([]);
    expect((await vmPlacement.check(lab.context(), { vm: "web", host: "host2" })).failures).toEqual([]);
    const { vms } = await drainFacts(lab.cluster, "host1", ["host2"]);
    expect(vms.map(({ name, excluded }) => [name, ...excluded])).toEqual([["web"]]);
    const report = await moveVm(lab.cluster, { vm: "web", to: "host2", progress: lab.progress });
    expect(report?.outcome).toBe("moved");
  });

  it("a pair is planned, previewed, drained and moved, where its VFs are known", async () => {
    await declarePair(lab);
    lacking(driver, ...hosts);
    const expected = knowsVfs ? [] : hosts.map(() => "move-vfs-known");
    expect(errorsIn(await plan(context(), { vm: "web", to: "host2" })).map(({ rule }) => rule)).toEqual(expected);
    const { failures } = await vmPlacement.check(lab.context(), { vm: "web", host: "host2" });
    expect(failures.length).toBe(expected.length);
    const { vms } = await drainFacts(lab.cluster, "host1", ["host2"]);
    expect(vms.flatMap(({ excluded }) => [...excluded.keys()])).toEqual(knowsVfs ? [] : ["host2"]);
    const moving = moveVm(lab.cluster, { vm: "web", to: "host2", progress: lab.progress });
    if (knowsVfs) expect((await moving)?.outcome).toBe("moved");
    else await expect(moving).rejects.toThrow(/virtnodedevd does not answer.*libvirt-daemon-driver-nodedev/s);
  });
});

it("a pair that nothing is recorded of is not said to be of no network where no VF can be found", async () => {
  giveDevices(lab, [standbyByHand, vfByHand(vfs[0])]);
  lacking("nodedev", 1);
  const answer = await plan(context(), { vm: "web", to: "host2" });
  expect(errorsIn(answer).map(({ rule }) => rule)).toEqual(["move-vfs-known"]);
  expect((await status(context(), {})).text).toContain(vfs[0]);
});

it("a libvirtd without a driver is told to be restarted once that is installed", async () => {
  lab.host1.devices.hasInterfaceDriver = false;
  expect((await doctor(context())).text).toMatch(
    /libvirt's interface driver is not installed\. .*Install libvirt-daemon-driver-interface on that host and restart libvirtd\./s,
  );
});

describe("what cannot be done without one is one error, with what to install", () => {
  const remedy = (driver: string) =>
    new RegExp(
      `"host2".*virt${driver}d does not answer.*libvirt-daemon-driver-${driver}.*virt${driver}d\\.socket`,
      "s",
    );

  it("a profile, at preview and when it is made", async () => {
    lacking("network", 2);
    const { failures } = await vnicProfile.check(lab.context(), bridgeProfile);
    expect(failures.map(({ reason }) => reason)).toEqual([expect.stringMatching(remedy("network"))]);
    await expect(vnicProfile.create(lab.context(), bridgeProfile)).rejects.toThrow(remedy("network"));
  });

  it("an interface with a VF, at preview and when it is plugged", async () => {
    const { profile } = await declarePair(lab);
    const db = { name: "db", uuid: "11111111-2222-4333-8444-000000000051" };
    lab.host2.domains.start(lab.host2.domains.define(domainXml(db)));
    await closeAll();
    lacking("nodedev", 2);
    const inputs = { vm: "db", profile, mac: "52:54:00:aa:00:51", plugged: true, linked: true };
    const { failures } = await vmInterface.check(lab.context(), inputs);
    expect(failures.map(({ reason }) => reason)).toEqual([expect.stringMatching(remedy("nodedev"))]);
    await expect(vmInterface.create(lab.context(), inputs)).rejects.toThrow(remedy("nodedev"));
    expect(lab.host2.domains.requireNamed("db").live).toBeDefined();
  });
});

/** Root ports that take no device while the VM runs. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { unplug } from "../../../provider/backends/libvirt/unplug.js";
import { parseDomain } from "../../../provider/backends/libvirt/xml/domain.js";
import { vmInterface } from "../../../provider/handlers/libvirt/vm-interface.js";
import { closeAll } from "../../../provider/handlers/shutdown.js";
import { moveVm } from "../../../provider/migration/move.js";
import { formatXml } from "../../../provider/xml/element.js";
import { giveDevices, standbyByHand, vfByHand } from "../../hosts/by-hand.js";
import { declareProfiles } from "../../hosts/declared.js";
import { domainXml, twoHosts, vfs, type LabLike } from "../../hosts/two-hosts.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(async () => {
  await closeAll();
  await lab.close();
});

const db = { name: "db", uuid: "11111111-2222-4333-8444-000000000051" };

/** A running VM with six root ports, of which the first ones do not hot-plug. */
function withFixedPorts(count: number): void {
  let number = 0;
  const xml = domainXml(db).replaceAll("model='pcie-root-port'>", (port) =>
    (number += 1) > count ? port : `${port}<target chassis='${number}' port='0x${number}' hotplug='off'/>`,
  );
  lab.host1.domains.start(lab.host1.domains.define(xml));
}

const inputsOf = async () => {
  const { profile } = await declareProfiles(lab);
  return { vm: "db", profile, mac: "52:54:00:aa:00:51", plugged: true, linked: true };
};

it("are not free: a preview says that some are there and of no use", async () => {
  withFixedPorts(5);
  const { failures } = await vmInterface.check(lab.context(), await inputsOf());
  expect(failures.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(
      /needs 2 free pcie-root-ports, but running VM "db" has 1\. 5 more cannot be used while it runs \(<target hotplug='off'\/>\)\. Shut the VM off/,
    ),
  ]);
});

it("are passed over where there are others", async () => {
  withFixedPorts(4);
  const inputs = await inputsOf();
  expect((await vmInterface.check(lab.context(), inputs)).failures).toEqual([]);
  await vmInterface.create(lab.context(), inputs);
  const live = lab.host1.domains.requireNamed("db").live;
  const { interfaces } = parseDomain(live === undefined ? "" : formatXml(live));
  const buses = interfaces.map(({ address }) => address?.bus);
  expect(buses).toEqual([5, 6]);
});

it("keep a VF from being moved: the plan says it, and nothing is unplugged", async () => {
  const place = "<alias name='ua-vf0'/><address type='pci' domain='0x0000' bus='0x09' slot='0x00' function='0x0'/>";
  giveDevices(lab, [
    "<controller type='pci' index='9' model='pcie-root-port'><target chassis='9' port='0x9' hotplug='off'/></controller>",
    standbyByHand,
    vfByHand(vfs[0], place),
  ]);
  await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow(
    /"ua-vf0" is on a pcie-root-port that does not hot-plug .*Nothing was changed\. Shut the VM off, and give the VF a port that hot-plugs\./,
  );
  expect(lab.host1.journal).not.toContain("domain_detach_device_alias");
  // As libvirt would.
  const host = lab.cluster.host("host1");
  const dom = (await host.findDomain("web")) ?? expect.fail("no VM");
  await expect(unplug(host, dom, "ua-vf0", { timeout: 1 })).rejects.toThrow(
    /0000:09:00\.0 - not allowed by controller/,
  );
});

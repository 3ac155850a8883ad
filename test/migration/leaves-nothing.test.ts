/** What is declared, moved and removed again leaves nothing of this package in the VMs. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { moveVm } from "../../provider/migration/move.js";
import { declareProfiles } from "../hosts/declared.js";
import { domainXml, twoHosts, type LabLike } from "../hosts/two-hosts.js";
import { TestClock } from "../hosts/test-clock.js";

let lab: LabLike;
const db = { name: "db", uuid: "11111111-2222-4333-8444-0000000000d1" } as const;
beforeEach(async () => {
  lab = await twoHosts({ define: [domainXml(db)], clock: new TestClock() });
  lab.host1.domains.start(lab.host1.domains.requireNamed("db"));
});
afterEach(() => lab.close());

it("of two VMs that move to another host at once", async () => {
  const { profile } = await declareProfiles(lab);
  const made = [];
  for (const [vm, mac] of [
    ["web", "52:54:00:aa:00:50"],
    ["db", "52:54:00:aa:00:51"],
  ] as const)
    made.push(await vmInterface.create(lab.context(), { vm, profile, mac }));
  const other = await lab.entrance();
  const reports = await Promise.all(["web", "db"].map((vm) => moveVm(other.cluster, { vm, to: "host2" })));
  expect(reports.map((report) => report?.outcome)).toEqual(["moved", "moved"]);
  for (const { id, state } of made) await vmInterface.delete(lab.context({ command: {} }), id, state);
  for (const name of ["web", "db"]) {
    const domain = lab.host2.domains.requireNamed(name);
    expect(lab.host2.domains.allMetadata(domain)).toEqual({});
  }
  await other.cluster.close();
});

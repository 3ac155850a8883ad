/** `hostCommands: false`: no program runs on a host, whatever becomes of the move. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { LibvirtHost } from "../../provider/backends/libvirt/host.js";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { declarePair } from "../hosts/declared.js";
import { refusals } from "../hosts/refusals.js";
import { TestClock } from "../hosts/test-clock.js";
import { twoHosts, type LabLike } from "../hosts/two-hosts.js";

let lab: LabLike;
let cluster: LibvirtCluster;
let ways: readonly { readonly mock: { readonly calls: readonly unknown[] } }[];
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
  await declarePair(lab);
  const { configuration } = lab;
  const forbidden = { ...configuration, cluster: { ...configuration.cluster, hostCommands: false } };
  cluster = new LibvirtCluster(forbidden, lab.clock);
  ways = [vi.spyOn(LibvirtHost.prototype, "command"), vi.spyOn(LibvirtHost.prototype, "commands")];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await cluster.close();
  await lab.close();
});

const ran = () => ways.map(({ mock }) => mock.calls.length);

test("of a move that ends well", async () => {
  expect(await moveVm(cluster, { vm: "web", to: "host2" })).toMatchObject({ outcome: "moved" });
  expect(ran()).toEqual([0, 0]);
});

test("of a move whose destination dies while the source's QEMU is stuck, and of its recovery", async () => {
  Object.assign(lab.host1.memory, { passes: 1, milliseconds: 20_000 });
  lab.host1.refuse("domain_abort_job", refusals.jobHeld(), { times: 100 });
  lab.host1.before("domain_migrate_perform3_params", () => void lab.clock.after(100, () => lab.host2.losePower()));
  await expect(moveVm(cluster, { vm: "web", to: "host2" })).rejects.toThrow("host2");
  await recover(cluster, "web").catch(() => undefined);
  expect(ran()).toEqual([0, 0]);
});

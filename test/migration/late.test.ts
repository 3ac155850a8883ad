/** Moves whose VF QEMU itself unplugs and plugs: libvirt tells of neither, and waits for a guest for ever. */
import { describe, expect } from "vitest";
import { MoveFailed, moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../provider/migration/options.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { runsAnnouncers } from "../hosts/announcers.js";
import { runsCommands } from "../hosts/commands.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { vfs, vm, type LabLike } from "../hosts/two-hosts.js";

const late = (more: Partial<MigrationOptions> = {}): MigrationOptions => ({
  ...defaultMigrationOptions,
  unplug: "late",
  ...more,
});
const move = (lab: LabLike, more?: Partial<MigrationOptions>) =>
  moveVm(lab.cluster, { vm: "web", to: "host2", options: late(more), progress: lab.progress });

describe.concurrent("a move whose VF QEMU unplugs", () => {
  it("tells when the guest released it", async ({ lab }) => {
    Object.assign(lab.host1.memory, { passes: 2, milliseconds: 400 });
    const report = await move(lab);
    expect(report).toMatchObject({ outcome: "moved", interfaces: [{ vfAfter: vfs[0] }] });
    expect(report?.moments.map(({ kind }) => kind)).toContain("vf-unplugged");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("has the hosts announce before QEMU asks the guest, and before the guest runs on the destination", async ({
    lab,
  }) => {
    const events: string[] = [];
    const announcers = runsAnnouncers(lab.cluster, (word) => {
      events.push(word);
      if (word.startsWith("host2 plugged")) lab.clock.after(5, () => announcers.sees("host2", "uplink0"));
    });
    lab.host1.before("domain_migrate_perform3_params", () => void events.push("perform"));
    lab.host2.before("domain_migrate_finish3_params", () => void events.push("finish"));
    await move(lab);
    const at = (event: string) => events.indexOf(event);
    for (const word of ["host1 fast", "host1 unplugging"]) expect(at(word)).toBeGreaterThan(-1);
    expect(Math.max(at("host1 fast"), at("host1 unplugging"))).toBeLessThan(at("perform"));
    expect(at("host2 here")).toBeGreaterThan(-1);
    expect(Math.max(at("host2 here"), at(`host2 plugging ${vfs[0]} 0`))).toBeLessThan(at("finish"));
  });

  it("is aborted where the guest does not release it in its time, and rolled back", async ({ lab }) => {
    lab.host1.guest.unplug = "ignores";
    const failed: unknown = await move(lab, { unplugTimeout: 0.3 }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(MoveFailed);
    expect((failed as MoveFailed).message).toContain(
      "the guest of the VM did not release VF 0000:01:10.0 within 0.3 s",
    );
    expect((failed as MoveFailed).report.outcome).toBe("failed-on-source");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  }, 30_000);

  describe("that is aborted when the guest has released its VF", () => {
    /** @param cleared as the announcer does it on the host (test/e2e/announcer.test.ts). */
    async function aborted(lab: LabLike, { cleared }: { readonly cleared: boolean }) {
      runsCommands(lab, lab.cluster);
      const vf = lab.host1.devices.functionAt(vfs[0])?.vf;
      const controller = new AbortController();
      Object.assign(lab.host1.memory, { passes: 20, milliseconds: 4000 });
      lab.host1.before("domain_migrate_perform3_params", () => {
        if (cleared && vf !== undefined) vf.settings = { mac: "00:00:00:00:00:00", vlan: 0 };
        lab.clock.after(500, () => controller.abort(new Error("Ctrl-C")));
      });
      const moving = moveVm(lab.cluster, { vm: "web", to: "host2", options: late(), signal: controller.signal });
      await expect(moving).rejects.toMatchObject({ report: { outcome: "failed-on-source" } });
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
      expect(vf?.settings).toEqual({ mac: vm.mac, vlan: 0 });
    }

    it("plugs it once more where its MAC was cleared", async ({ lab }) => {
      await aborted(lab, { cleared: true });
      expect(lab.host1.calls.get("domain_detach_device_alias")).toBe(1);
    });

    it("leaves it as it is where it was not", async ({ lab }) => {
      await aborted(lab, { cleared: false });
      expect(lab.host1.calls.get("domain_detach_device_alias")).toBeUndefined();
    });
  });

  it("gets its VF by a plug where QEMU could not plug it on the destination", async ({ lab, pair }) => {
    lab.host2.missingInQemu.add(pair.state.aliases[1] ?? "");
    const report = await move(lab);
    expect(report).toMatchObject({ outcome: "moved", interfaces: [{ vfAfter: vfs[0] }] });
    expect(lab.host2.calls.get("domain_attach_device_flags")).toBe(1);
    expect(lab.host2.missingInQemu.size).toBe(0);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("has none where the destination's PF went down, which QEMU does not look at, and gets one by a recovery", async ({
    lab,
  }) => {
    const [pf] = lab.host2.devices.physicalFunctions;
    if (pf === undefined) throw new Error("host2 has no PF");
    lab.host1.before("domain_migrate_perform3_params", () => void (pf.linkUp = false));
    const report = await move(lab);
    expect(report).toMatchObject({ outcome: "moved-without-vf", interfaces: [{ vfAfter: null }] });
    pf.linkUp = true;
    await plugMissingVfs(lab.cluster, vm.name, lab.progress);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });
});

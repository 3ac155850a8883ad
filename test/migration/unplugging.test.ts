/** When the VF leaves the guest: chosen by what the hosts are, and kept in the journal. */
import { describe, expect, it as plain } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { planMove } from "../../provider/migration/plan.js";
import { readJournal } from "../../provider/migration/journal-store.js";
import { recover } from "../../provider/migration/recover.js";
import { unpluggingFor, unpluggingInWords } from "../../provider/migration/unplugging.js";
import { disown } from "../hosts/left-journal.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { vfs, type LabLike } from "../hosts/two-hosts.js";

const late = { ...defaultMigrationOptions, unplug: "late" } as const;

describe("the choice", () => {
  const source = { name: "host1", qemuVersion: 9_002_000 };

  plain("is the user's where there is one", () => {
    for (const when of ["early", "late"] as const)
      expect(unpluggingFor(when, { source })).toEqual({ when, why: "migration.unplug says so" });
  });

  plain("is early where the hosts can do either", () => {
    const chosen = unpluggingFor("auto", { source });
    expect(chosen.when).toBe("early");
    expect(unpluggingInWords(chosen)).toMatch(/^before the migration: fewer packets/);
  });

  plain.each([
    [6_001_000, 'QEMU 6.1 on "host1" does not wait for the guest'],
    [6_001_001, 'QEMU 6.1 on "host1" does not wait for the guest'],
    [undefined, "the source's version of QEMU is not known"],
  ])("says what QEMU %s lacks", (qemuVersion, why) => {
    expect(unpluggingFor("auto", { source: { name: "host1", qemuVersion } })).toEqual({ when: "early", why });
  });
});

/** The mover dies at Perform, and its journal stands. */
async function interrupted(lab: LabLike, options: typeof late | typeof defaultMigrationOptions) {
  const mover = await lab.entrance();
  lab.host1.before("domain_migrate_perform3_params", () => mover.die());
  await moveVm(mover.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
  await mover.cluster.close();
  disown(lab);
  const { host, dom } = await lab.cluster.require("web");
  return readJournal(host, dom);
}

describe.concurrent("the chosen strategy", () => {
  it("is in the plan, by what the source's QEMU is", async ({ lab }) => {
    expect((await planMove(lab.cluster, "web", "host2")).unplug).toEqual(
      unpluggingFor("auto", { source: { name: "host1", qemuVersion: 9_000_000 } }),
    );
    expect((await planMove(lab.cluster, "web", "host2", late)).unplug.when).toBe("late");
    lab.host1.qemuVersion = 6_001_000;
    expect((await planMove(lab.cluster, "web", "host2")).unplug.why).toContain("QEMU 6.1");
  });

  it("is in the journal, from which a recovery takes it", async ({ lab }) => {
    expect(await interrupted(lab, defaultMigrationOptions)).toMatchObject({ unplug: "early" });
    await recover(lab.cluster, "web");
    expect(await interrupted(lab, late)).toMatchObject({ unplug: "late" });
    const detached = lab.host1.calls.get("domain_detach_device_alias") ?? 0;
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(detached).toBe(1);
  });

  it("a recovery plugs a VF that QEMU could not plug on the destination", async ({ lab, pair }) => {
    lab.host2.missingInQemu.add(pair.state.aliases[1] ?? "");
    const mover = await lab.entrance();
    lab.host2.after("domain_migrate_finish3_params", () => mover.die());
    await moveVm(mover.cluster, { vm: "web", to: "host2", options: late }).catch(() => undefined);
    await mover.cluster.close();
    disown(lab);
    expect((await recover(lab.cluster, "web")).outcome).toBe("finished");
    expect(lab.host2.missingInQemu.size).toBe(0);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });
});

/**
 * The destination's QEMU is started before the VF leaves the guest. Until the migration begins libvirt lets the VM be changed: a
 * copy of what it was then must not become the VM.
 */
import { describe, expect } from "vitest";
import { Migrate } from "../../provider/backends/libvirt/constants.js";
import { moveVm } from "../../provider/migration/move.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { recover } from "../../provider/migration/recover.js";
import { attribute, find, formatXml, parseXml, type Element } from "../../provider/xml/element.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { disown } from "../hosts/left-journal.js";
import { vfs, type LabLike } from "../hosts/two-hosts.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";

const here = expectedState("host1", vfs[0]);

const move = (lab: LabLike) => moveVm(lab.cluster, { vm: "web", to: "host2" });

/** On the source, as another client would. */
function edited(lab: LabLike, part: "live" | "config", from: string | RegExp, to: string): () => void {
  const domain = lab.host1.domains.requireNamed("web");
  return () => {
    const before = domain[part];
    if (before === undefined) throw new Error(`web has no ${part} XML`);
    const after = formatXml(before).replace(from, to);
    expect(after).not.toBe(formatXml(before));
    domain[part] = parseXml(after);
  };
}

/** When it takes its memory from its host, as its XML says. */
function allocationOf(domain: Element | undefined): string | undefined {
  return attribute(find(domain, "memoryBacking", "allocation"), "mode");
}

const disk = `<disk type="file"><source file="/shared/more.qcow2"/><target dev="vdb" bus="virtio"/><alias name="virtio-disk1"/></disk>`;

describe.concurrent("the destination's QEMU", () => {
  it("is there before the guest is asked for its VF, and libvirt keeps no job meanwhile", async ({ made: { lab } }) => {
    lab.host1.before("domain_detach_device_alias", () => {
      expect(lab.host2.domains.requireNamed("web").job?.direction).toBe("incoming");
      expect(lab.host1.domains.requireNamed("web").job).toBeUndefined();
    });
    expect((await move(lab))?.outcome).toBe("moved");
    expect(lab.host1.calls.get("domain_detach_device_alias")).toBe(1);
  });

  it("has all of the VM's memory by then, and the VM's definition says nothing of it", async ({ made: { lab } }) => {
    const incoming: unknown[] = [];
    lab.host1.before("domain_detach_device_alias", () => {
      incoming.push(allocationOf(lab.host2.domains.requireNamed("web").live));
    });
    expect((await move(lab))?.outcome).toBe("moved");
    expect(incoming).toEqual(["immediate"]);
    expect(allocationOf(lab.host2.domains.requireNamed("web").config)).toBeUndefined();
  });

  it("takes its memory as its owner wants it", async ({ made: { lab } }) => {
    edited(lab, "live", "<devices>", `<memoryBacking><allocation mode="ondemand"/></memoryBacking><devices>`)();
    expect((await move(lab))?.outcome).toBe("moved");
    expect(allocationOf(lab.host2.domains.requireNamed("web").live)).toBe("ondemand");
  });

  it("takes the memory of a VM without VFs as libvirt does by itself", async ({ made: { lab, pair } }) => {
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    expect((await move(lab))?.outcome).toBe("moved");
    expect(allocationOf(lab.host2.domains.requireNamed("web").live)).toBeUndefined();
  });

  it("has all of it, too, where QEMU unplugs the VF", async ({ made: { lab } }) => {
    const options = { ...defaultMigrationOptions, unplug: "late" } as const;
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2", options }))?.outcome).toBe("moved");
    expect(allocationOf(lab.host2.domains.requireNamed("web").live)).toBe("immediate");
  });

  it("is ended where the guest keeps its VF", async ({ made: { lab } }) => {
    lab.host1.guest.unplug = "refuses";
    await expect(move(lab)).rejects.toThrow(/rejected the unplug request/);
    expect(lab.host2.calls.get("domain_migrate_finish3_params")).toBe(1);
    expect(clusterState(lab)).toEqual(here);
  });

  it("ends with a mover that dies while the guest is asked, and recovery gives the VF back", async ({
    made: { lab },
  }) => {
    const mover = await lab.entrance();
    lab.host1.before("domain_detach_device_alias", () => mover.die());
    await expect(moveVm(mover.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    disown(lab);
    expect((await recover(lab.cluster, "web")).outcome).toBe("undone");
    expect(clusterState(lab)).toEqual(here);
  });

  it("is not started ahead where QEMU unplugs the VF: libvirt protects the VM from Begin on", async ({
    made: { lab },
  }) => {
    const flags: number[] = [];
    lab.host1.before("domain_migrate_perform3_params", ({ args }) => {
      flags.push((args as { readonly flags: number }).flags);
    });
    const options = { ...defaultMigrationOptions, unplug: "late" } as const;
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2", options }))?.outcome).toBe("moved");
    expect(flags.map((each) => each & Migrate.CHANGE_PROTECTION)).toEqual([Migrate.CHANGE_PROTECTION]);
  });
});

describe.concurrent("a VM that another client changes between", () => {
  const changes = [
    ["a disk that is plugged", "live", "</devices>", `${disk}</devices>`],
    ["a device that is unplugged", "live", /<memballoon.*?(\/>|<\/memballoon>)/, ""],
    ["its definition", "config", "</name>", "</name><title>edited</title>"],
  ] as const;
  it.for(changes)("%s: the move is rolled back", async ([, part, from, to], { made: { lab } }) => {
    // The move reads the definition before it sends anything, and not after.
    lab.host1.before("domain_migrate_perform3_params", edited(lab, part, from, to));
    await expect(move(lab)).rejects.toThrow(/another client changed its devices or its definition during the move/);
    const { runsOn, activeOn, vfs: plugged, journals } = clusterState(lab);
    expect({ runsOn, activeOn, plugged, journals }).toEqual({
      runsOn: ["host1"],
      activeOn: ["host1"],
      plugged: [vfs[0]],
      journals: [],
    });
  });

  it("what changes by itself is none", async ({ made: { lab } }) => {
    const domain = lab.host1.domains.requireNamed("web");
    domain.live &&= parseXml(
      formatXml(domain.live).replace(
        "</devices>",
        `<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0" state="disconnected"/></channel></devices>`,
      ),
    );
    lab.host1.before("domain_migrate_perform3_params", edited(lab, "live", '"disconnected"', '"connected"'));
    expect((await move(lab))?.outcome).toBe("moved");
  });
});

/** PFs whose driver sets no VF's MAC that the PF itself takes frames in for, as the announcer has it do: ice of Linux 5.8 to 5.19. */
import { describe, expect } from "vitest";
import { VIR_ERR } from "../../provider/backends/libvirt/rpc/errors.js";
import { moveVm } from "../../provider/migration/move.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { runsAnnouncers } from "../hosts/announcers.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { Refusal } from "../hosts/refusals.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { vfs, vm, type LabLike } from "../hosts/two-hosts.js";

const refusal = new Refusal(
  VIR_ERR.SYSTEM_ERROR,
  0,
  `Cannot set interface MAC to ${vm.mac} for ifname pf0 vf 0: Invalid argument`,
);

/** The bridge of the destination has the VFs' own PF as its uplink. */
class Pf {
  /** What the announcer there was told of it, and the plugs. */
  readonly events: string[] = [];
  private takesIn = false;

  /** @param always it refuses without the filter, too. */
  constructor(
    lab: LabLike,
    public always = false,
  ) {
    const announcers = runsAnnouncers(lab.cluster, (word) => {
      if (/^host2 (here|apart)$/.test(word)) this.events.push(word.slice(6));
      if (word === "host2 here") this.takesIn = true;
      if (word === "host2 apart" || word === "host2 gone") this.takesIn = false;
      if (word.startsWith("host2 plugged")) lab.clock.after(5, () => announcers.sees("host2", "uplink0"));
    });
    const act = () => {
      this.events.push("attach");
      if (this.always || this.takesIn) throw refusal;
    };
    lab.host2.before("domain_attach_device_flags", act, { times: 99 });
  }

  get inOrder(): readonly string[] {
    return this.events.filter((event, index) => event !== this.events[index - 1]);
  }
}

const move = (lab: LabLike) => moveVm(lab.cluster, { vm: "web", to: "host2", progress: lab.progress });

describe.concurrent("a PF that sets no VF's MAC beside a filter for it", () => {
  it("gives the filter up, and gets it back when the VF is plugged", async ({ lab }) => {
    const pf = new Pf(lab);
    expect(await move(lab)).toMatchObject({ outcome: "moved", interfaces: [{ vfAfter: vfs[0] }] });
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
    expect(pf.inOrder).toEqual(["here", "attach", "apart", "attach", "here"]);
  });

  it("is not asked without end where it refuses without the filter, too; and a missing VF is plugged so as well", async ({
    lab,
  }) => {
    const pf = new Pf(lab, true);
    expect((await move(lab))?.outcome).toBe("moved-without-vf");
    expect(pf.events.filter((event) => event === "attach").length).toBeLessThanOrEqual(2 * (vfs.length + 1));
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], vfs: [], journals: [] });
    pf.events.splice(0);
    pf.always = false;
    await plugMissingVfs(lab.cluster, "web", lab.progress);
    expect(pf.inOrder).toEqual(["here", "attach", "apart", "attach", "here"]);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });
});

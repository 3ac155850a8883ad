/**
 * What a move asks of the hosts while the VM is without its VF: from the guest's release of it to the attach on the
 * destination. Each round trip there is so much more time without the VF, and most hosts are not in the same room.
 */
import { describe, expect, test } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { MoveRefused } from "../../provider/migration/plan.js";
import type { ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { runsAnnouncers, type Announcers } from "../hosts/announcers.js";
import { declarePair } from "../hosts/declared.js";
import { vfs, withTwoHosts, type LabLike } from "../hosts/two-hosts.js";
import { Rounds, type CountedCall } from "../hosts/rounds.js";

/** In real time: calls that are counted in rounds are held back, which must let no time pass that is not there. */
const it = test.extend<{ readonly lab: LabLike }>({
  // vitest reads from this pattern which fixtures a fixture needs.
  lab: async ({}, use) =>
    withTwoHosts({}, async (lab) => {
      await declarePair(lab);
      await use(lab);
    }),
});

/** What libvirt's own way of migrating asks, by whatever client. */
const libvirtsOwn: readonly ProcedureName[] = [
  "domain_migrate_begin3_params",
  "domain_migrate_prepare3_params",
  "domain_migrate_perform3_params",
  "domain_migrate_finish3_params",
  "domain_attach_device_flags",
];

/** The calls of a move from the guest's release of its VF to the attach, which is the last of them. */
async function callsInGap(lab: LabLike, move: () => Promise<unknown>): Promise<readonly CountedCall[]> {
  const rounds = new Rounds(lab.hosts);
  let from = 0;
  const release = lab.host1.guestReleases.bind(lab.host1);
  lab.host1.guestReleases = (...args) => {
    from = rounds.calls.length;
    release(...args);
  };
  await move();
  const to = rounds.calls.findIndex(({ procedure }) => procedure === "domain_attach_device_flags");
  expect(to).toBeGreaterThan(from);
  return rounds.calls.slice(from, to + 1);
}

const move = (lab: LabLike) => moveVm(lab.cluster, { vm: "web", to: "host2" });

describe.concurrent("while the VM is without its VF", () => {
  it("its hosts are asked at most ten things beside libvirt's own, and these", async ({ lab }) => {
    const others = (await callsInGap(lab, () => move(lab)))
      .filter(({ procedure }) => !libvirtsOwn.includes(procedure))
      // How far it is: nothing waits for that, and on a busy machine there is time for it.
      .filter(({ procedure }) => procedure !== "domain_get_job_stats")
      .map(({ host, procedure }) => `${host} ${procedure}`)
      .toSorted();
    expect(others.length).toBeLessThanOrEqual(10);
    expect(others).toEqual([
      // Whether the move is still this process's, before each change.
      ...Array<string>(2).fill("host1 domain_get_metadata"),
      // The definition; and whether it and the VM are still as they were, while the memory is sent.
      ...Array<string>(3).fill("host1 domain_get_xml_desc"),
      "host1 domain_migrate_confirm3_params",
      // The journal: from here on the VM may be on either host.
      "host1 domain_set_metadata",
      "host1 qemu_domain_monitor_command",
      "host2 domain_get_metadata",
    ]);
  });

  it("with 80 ms a round trip it is so for at most a second more: they wait for each other twelve times at most", async ({
    lab,
  }) => {
    const calls = await callsInGap(lab, () => move(lab));
    const rounds = (calls.at(-1)?.round ?? 0) - (calls[0]?.round ?? 0) + 1;
    expect(rounds).toBeLessThanOrEqual(12);
  });
});

describe.concurrent("the program on the destination", () => {
  it("is told of the VF before that is plugged, and once more when it is", async ({ lab }) => {
    const events: string[] = [];
    const announcers = runsAnnouncers(lab.cluster, (word) => {
      events.push(word);
      if (word.startsWith("host2 plugged")) setTimeout(() => announcers.sees("host2", "uplink0"), 20);
    });
    lab.host2.before("domain_attach_device_flags", () => void events.push("attach"));
    lab.host2.after("domain_attach_device_flags", () => void events.push("attached"));
    const report = await move(lab);
    const order = events.filter((event) => /attach|host2 plugg/.test(event));
    expect(order.slice(0, 4)).toEqual([
      `host2 plugging ${vfs[0]} 0`,
      "attach",
      "attached",
      `host2 plugged ${vfs[0]} 0`,
    ]);
    expect(report?.moments.map(({ kind }) => kind)).toContain("vf-used");
  });

  it("waits for the guest's answer through its VF while the move is cleaned up after", async ({ lab }) => {
    const events: string[] = [];
    const announcers = runsAnnouncers(lab.cluster, (word) => void events.push(word));
    // The source is asked whether it still has the VM: after that the move waits for the guest alone.
    lab.host1.onCall = ({ procedure }) => {
      if (procedure === "domain_lookup_by_uuid" && lab.host1.calls.has("domain_migrate_confirm3_params"))
        setTimeout(() => announcers.glimpses("host2", "uplink0"), 50);
    };
    const report = ({ phase }: { readonly phase: string }) => {
      events.push(phase);
      if (phase === "release") announcers.sees("host2", "uplink0");
    };
    const moved = await moveVm(lab.cluster, { vm: "web", to: "host2", progress: { ...lab.progress, report } });
    expect(moved?.moments.map(({ kind }) => kind)).toContain("vf-used");
    expect(events.indexOf("release")).toBeGreaterThan(events.indexOf("verify"));
    expect(events.indexOf("host2 gone")).toBeGreaterThan(events.indexOf("release"));
  });
});

describe.concurrent("the guest uses its VF", () => {
  const usesVf = (lab: LabLike, then: (announcers: Announcers) => void) => {
    const events: string[] = [];
    const announcers = runsAnnouncers(lab.cluster, (word) => {
      const isFirst = !events.some((event) => event.startsWith("host2 plugged"));
      // From the source it has come by the same port.
      if (word === "host2 fast" && isFirst) announcers.glimpses("host2", "uplink0");
      if (word.startsWith("host2 plugged") && isFirst) then(announcers);
      events.push(word);
    });
    return events;
  };

  it("when it has answered through it, and not when a NIC or a switch sends a frame of its standby back", async ({
    lab,
  }) => {
    const events = usesVf(lab, (announcers) => {
      lab.clock.after(5, () => announcers.glimpses("host2", "uplink0"));
      lab.clock.after(1000, () => announcers.glimpses("host2", "vnet0"));
      lab.clock.after(1500, () => {
        events.push("answers");
        announcers.sees("host2", "uplink0");
      });
    });
    const report = await move(lab);
    expect(report?.moments.map(({ kind }) => kind)).toContain("vf-used");
    expect(events.indexOf("answers")).toBeGreaterThan(-1);
    expect(events.indexOf("host2 gone")).toBeGreaterThan(events.indexOf("answers"));
  });

  it("where it answers no question, when it was seen behind it and nowhere else for 3 s since the plug", async ({
    lab,
  }) => {
    const events = usesVf(lab, () => {
      lab.clock.after(2500, () => events.push("still"));
    });
    const report = await move(lab);
    expect(report?.moments.map(({ kind }) => kind)).toContain("vf-used");
    expect(events.indexOf("still")).toBeGreaterThan(-1);
    expect(events.indexOf("host2 gone")).toBeGreaterThan(events.indexOf("still"));
  });
});

describe.concurrent("before the VF leaves", () => {
  it("no program is started on the hosts of a move that is refused", async ({ lab }) => {
    const announcers = runsAnnouncers(lab.cluster, (word) => {
      if (word.startsWith("host2 plugged")) setTimeout(() => announcers.sees("host2", "uplink0"), 20);
    });
    const bridges = lab.host2.devices.bridges.splice(0);
    await expect(move(lab)).rejects.toThrow(MoveRefused);
    expect(announcers.started).toEqual([]);
    lab.host2.devices.bridges.push(...bridges);
    await move(lab);
    expect(announcers.started.toSorted()).toEqual(["host1", "host2"]);
  });

  it("the hosts are asked no more than so many times one after another", async ({ lab }) => {
    const rounds = new Rounds(lab.hosts);
    await move(lab);
    const at = (wanted: ProcedureName) => rounds.calls.find(({ procedure }) => procedure === wanted)?.round ?? NaN;
    expect(at("domain_set_metadata")).toBeLessThanOrEqual(18);
    expect(at("domain_detach_device_alias")).toBeLessThanOrEqual(30);
  });

  it("the destination's libvirt has looked at the VM's QEMU, which its first VM would wait for", async ({ lab }) => {
    const asked: unknown[] = [];
    lab.host2.after("connect_get_domain_capabilities", ({ args }) => void asked.push(args));
    lab.host1.before("domain_detach_device_alias", () => expect(asked).toHaveLength(1));
    await move(lab);
    expect(asked).toEqual([
      {
        emulatorbin: "/usr/bin/qemu-system-x86_64",
        arch: "x86_64",
        machine: "pc-q35-10.0",
        virttype: "kvm",
        flags: 0,
      },
    ]);
  });

  it("nothing is left of it where the move fails", async ({ lab }) => {
    lab.host1.guest.unplug = "refuses";
    await expect(move(lab)).rejects.toThrow(/rejected the unplug request/);
    expect(lab.host1.events.count).toBe(0);
    for (const host of lab.hosts) expect(host.calls.get("connect_close")).toBe(1);
  });
});

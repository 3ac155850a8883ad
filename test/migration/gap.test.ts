/**
 * What a move asks of the hosts while the VM is without its VF: from the guest's release of it to the attach on the
 * destination. Each round trip there is so much more time without the VF, and most hosts are not in the same room.
 */
import { describe, expect } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import type { ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import type { LabLike } from "../hosts/lab-like.js";
import { Rounds, type CountedCall } from "../hosts/rounds.js";

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
  const letGo = lab.host1.guestLetsGo.bind(lab.host1);
  lab.host1.guestLetsGo = (...args) => {
    from = rounds.calls.length;
    letGo(...args);
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
      .map(({ host, procedure }) => `${host} ${procedure}`);
    expect(others).toEqual([]);
    expect(others.length).toBeLessThanOrEqual(10);
  });

  it("with 80 ms a round trip it is so for at most a second more: they wait for each other twelve times at most", async ({
    lab,
  }) => {
    const calls = await callsInGap(lab, () => move(lab));
    const rounds = (calls.at(-1)?.round ?? 0) - (calls[0]?.round ?? 0) + 1;
    expect(rounds).toBeLessThanOrEqual(12);
  });
});

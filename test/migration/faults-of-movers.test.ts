/**
 * Several processes at one VM, at every single call by which one of them changes anything: a mover that is suspended and wakes
 * after its lease, a recovery that dies as its mover did, and movers and recoveries at once. Whatever comes, the VM runs once,
 * with its VF, and nothing is left of a move.
 */
import { describe, expect, it } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { disown } from "../hosts/left-journal.js";
import type { ChangingCall } from "../hosts/changing-calls.js";
import type { Entrance, LabLike } from "../hosts/two-hosts.js";
import { clusterState } from "../hosts/cluster-state.js";
import { atChange, countedRuns, moments, onDestination, onSource, seeded, strategies } from "./fault-places.js";

const within = countedRuns("several movers");

/** Resolves once that process was suspended, at that call of its move. */
function suspendedAt(
  lab: LabLike,
  mover: Pick<Entrance, "sleep">,
  moment: (typeof moments)[number],
  { host, procedure, occurrence }: ChangingCall,
): Promise<void> {
  return new Promise((resolve) => {
    lab[host][moment](
      procedure,
      () => {
        mover.sleep();
        resolve();
      },
      { skip: occurrence },
    );
  });
}

function expectSettled(lab: LabLike): void {
  const now = clusterState(lab);
  expect(now).toEqual(now.runsOn[0] === "host2" ? onDestination : onSource);
}

describe.each(strategies)("with $unplug unplug", ({ options, places }) => {
  describe.concurrent("a mover is suspended, and wakes when its lease is over and another has ended its move", () => {
    describe.each(moments)("%s", (moment) => {
      it.each(places)("%s", (_, { host, procedure, occurrence }) =>
        within(async (lab) => {
          const mover = await lab.entrance();
          const suspended = suspendedAt(lab, mover, moment, { host, procedure, occurrence });
          const moving = moveVm(mover.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
          await suspended;
          disown(lab);
          await recover(lab.cluster, "web");
          expectSettled(lab);
          const after = clusterState(lab);
          const changes = atChange(lab, mover, Infinity, () => undefined);
          mover.wake();
          await moving;
          expect(clusterState(lab)).toEqual(after);
          expect(changes()).toBe(0);
          await mover.cluster.close();
        }),
      );
    });
  });

  describe.concurrent("the recovery dies as its mover did", () => {
    // Every place of the move with one change of the recovery each, by turns; VNIC_FAULTS=all: with every change of it.
    const random = seeded(20_261_126);
    const all = process.env["VNIC_FAULTS"] === "all";
    const most = 8;
    const deaths = places.flatMap(([name, place]) =>
      moments.flatMap((moment) => {
        const chosen = all ? Array.from({ length: most }, (_, index) => index + 1) : [1 + Math.floor(random() * most)];
        return chosen.map((nth) => [`${moment} ${name}, then at its change ${nth}`, { place, moment, nth }] as const);
      }),
    );
    it.each(deaths)("%s", (_, { place: { host, procedure, occurrence }, moment, nth }) =>
      within(async (lab) => {
        const mover = await lab.entrance();
        lab[host][moment](procedure, () => mover.die(), { skip: occurrence });
        await moveVm(mover.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
        await mover.cluster.close();
        disown(lab);
        const first = await lab.entrance();
        atChange(lab, first, nth, () => first.die());
        await recover(first.cluster, "web").catch(() => undefined);
        await first.cluster.close();
        disown(lab);
        await recover(lab.cluster, "web");
        expectSettled(lab);
        expect((await recover(lab.cluster, "web")).outcome).toBe("none");
      }),
    );
  });

  describe.concurrent("X36: a second mover and a recovery come", () => {
    it.each(places)("while the mover is at %s: it goes on alone", (_, { host, procedure, occurrence }) =>
      within(async (lab) => {
        const [second, third] = [await lab.entrance(), await lab.entrance()];
        const refused: PromiseSettledResult<unknown>[] = [];
        lab[host].before(
          procedure,
          async () => {
            const results = await Promise.allSettled([
              moveVm(second.cluster, { vm: "web", to: "host2", options }),
              recover(third.cluster, "web"),
            ]);
            refused.push(...results);
          },
          { skip: occurrence },
        );
        const moved = await moveVm(lab.cluster, { vm: "web", to: "host2", options }).then(
          (report) => report?.outcome === "moved",
          () => false,
        );
        // Before its journal stands the second is as early as it is.
        if (procedure !== "domain_set_metadata" || occurrence > 0) {
          expect(moved).toBe(true);
          expect(refused).toMatchObject([
            { status: "rejected", reason: { problem: { code: "move-under-way" } } },
            { status: "rejected", reason: { problem: { code: "move-under-way" } } },
          ]);
        }
        expect(clusterState(lab)).toEqual(onDestination);
      }),
    );

    describe.each(moments)("when the mover is suspended %s", (moment) => {
      it.each(places)("%s: one of them ends its move, and it stops", (_, { host, procedure, occurrence }) =>
        within(async (lab) => {
          const [mover, second] = [await lab.entrance(), await lab.entrance()];
          const suspended = suspendedAt(lab, mover, moment, { host, procedure, occurrence });
          const moving = moveVm(mover.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
          await suspended;
          disown(lab);
          await Promise.allSettled([
            moveVm(second.cluster, { vm: "web", to: "host2", options }),
            recover(lab.cluster, "web"),
          ]);
          mover.wake();
          await moving;
          await recover(lab.cluster, "web");
          const now = clusterState(lab);
          expect(now).toMatchObject({
            runsOn: [now.runsOn[0]],
            activeOn: now.runsOn,
            definedOn: now.runsOn,
            journals: [],
          });
          expect(now.vfs).toHaveLength(1);
          expect(now.bound).toEqual([`${now.runsOn[0] ?? ""} ${now.vfs[0] ?? ""}`]);
          await mover.cluster.close();
        }),
      );
    });
  });
});

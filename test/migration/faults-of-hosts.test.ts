/**
 * A host loses its power at every single call by which a move changes anything, and stays away. The VM must run once on the
 * other host, unless it ran on the one that died; with a VF, and no journal. Once the host is there again nothing is left of
 * the move, and the next one goes well.
 */
import { describe, expect, it } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { missingVfsOf, plugMissingVfs } from "../../provider/migration/repair.js";
import { ProblemError } from "../../provider/model/problem.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import type { LabLike } from "../hosts/two-hosts.js";
import { clusterState } from "../hosts/cluster-state.js";
import { countedRuns, moments, strategies } from "./fault-places.js";

const within = countedRuns("a host dies and stays away");

const other = { host1: "host2", host2: "host1" } as const;
type HostName = keyof typeof other;

describe.each(strategies)("with $unplug unplug", ({ options, places }) => {
  describe.concurrent.each(["host1", "host2"] as const)("%s dies and stays away", (dying) => {
    describe.each(moments)("%s", (moment) => {
      it.each(places)("%s", (_, { host, procedure, occurrence }) =>
        within(async (lab) => {
          let mayBeLost = false;
          let resets = 0;
          const injectFault = () => {
            const { runsOn } = clusterState(lab);
            // At the switch-over it runs nowhere, and is on the source.
            mayBeLost = (runsOn[0] ?? "host1") === dying;
            // What the source's stopped copy has in memory may be older than what was written on the destination.
            resets = dying === "host2" && runsOn[0] !== "host1" ? 1 : 0;
            lab[dying].losePower();
          };
          lab[host][moment](procedure, injectFault, { skip: occurrence });
          const began = lab.clock.now();
          await moveVm(lab.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
          expect(lab.clock.now() - began).toBeLessThan(30_000);
          await recoverWithout(lab, dying);
          const now = clusterState(lab);
          const lost = now.activeOn.length === 0;
          if (lost) expect(mayBeLost).toBe(true);
          else {
            expect(lab[other[dying]].domains.requireNamed("web").resets).toBe(resets);
            const [vf] = now.vfs;
            expect(now).toMatchObject({
              runsOn: [other[dying]],
              activeOn: [other[dying]],
              vfs: [vf],
              bound: [`${other[dying]} ${vf ?? "none"}`],
            });
            expect(now.journals).not.toContain(other[dying]);
            await movesOn(lab, dying, other[dying]);
          }
          await lab.reopen(lab[dying]);
          await recover(lab.cluster, "web");
          const then = clusterState(lab);
          expect(then.journals).toEqual([]);
          expect(then.definedOn).toHaveLength(1);
          if (lost) return;
          const at = other[dying];
          expect(then).toMatchObject({
            runsOn: [at],
            activeOn: [at],
            definedOn: [at],
            bound: [`${at} ${then.vfs[0] ?? ""}`],
          });
          expect((await moveVm(lab.cluster, { vm: "web", to: dying }))?.outcome).toBe("moved");
          expect(clusterState(lab)).toMatchObject({
            runsOn: [dying],
            activeOn: [dying],
            definedOn: [dying],
            journals: [],
          });
          expect(clusterState(lab).bound).toHaveLength(1);
        }),
      );
    });
  });
});

/** As an operator does: with his word that the host is dead only where that is asked for. */
async function recoverWithout(lab: LabLike, dying: HostName): Promise<void> {
  try {
    await recover(lab.cluster, "web");
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { code } = error.problem;
    if (code === "host-fate-unknown") await recover(lab.cluster, "web", { dead: dying });
    // The VM was there alone, and so is its journal.
    else expect(code).toBe("host-unreachable");
  }
}

/** A VF that it misses can be plugged while the other host is away. */
async function movesOn(lab: LabLike, dying: HostName, home: HostName): Promise<void> {
  const web = lab[home].domains.requireNamed("web");
  const primary = parseDomain(lab[home].domains.xml(web, 0)).interfaces.find(({ type }) => type === "hostdev")?.alias;
  if (primary === undefined) expect.fail("the VM has no VF");
  lab[home].guestReleases(web, primary);
  expect(await missingVfsOf(lab.cluster, "web")).toHaveLength(1);
  await plugMissingVfs(lab.cluster, "web", lab.progress);
  expect(clusterState(lab).vfs).toHaveLength(1);
  expect(lab[dying].hasPower).toBe(false);
}

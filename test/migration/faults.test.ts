/**
 * A fault at every single call by which a move changes anything. Wherever it happens, the VM must run once, with its VF where
 * it runs, no VF reserved and no journal left, at once or after `recover`.
 */
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { withPair } from "../hosts/lab-test.js";
import { vfs } from "../hosts/two-hosts.js";
import { Refusal } from "../hosts/refusals.js";
import { expectedState, clusterState, type ClusterState } from "../hosts/cluster-state.js";
import { onDestination, onSource, strategies } from "./fault-places.js";

/** host2's first VF is planned for the VM in every run. */
function expectSettled(now: ClusterState): void {
  expect(now).toEqual(now.runsOn[0] === "host2" ? onDestination : onSource);
}

describe.each(strategies)("with $unplug unplug", ({ options, places, unplug }) => {
  it("a move changes something at some twenty places", () => {
    expect(places.length).toBeGreaterThan(15);
    expect(new Set(places.map(([, { procedure }]) => procedure)).size).toBeGreaterThan(8);
  });

  describe.concurrent("the mover dies", () => {
    describe.each(["before", "after"] as const)("%s", (moment) => {
      it.each(places)("%s", (_, { host, procedure, occurrence }) =>
        withPair(async (lab) => {
          const mover = await lab.entrance();
          lab[host][moment](procedure, () => mover.die(), { skip: occurrence });
          await moveVm(mover.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
          await mover.cluster.close();
          const recovery = await recover(lab.cluster, "web");
          expectSettled(clusterState(lab));
          if (recovery.outcome !== "none") expect(recovery.host).toBe(clusterState(lab).runsOn[0]);
          expect(recovery.journal?.mover.machine ?? hostname()).toBe(hostname());
          expect((await recover(lab.cluster, "web")).outcome).toBe("none");
        }),
      );
    });
  });

  describe.concurrent("the connection breaks once", () => {
    describe.each(["before", "after"] as const)("%s", (moment) => {
      it.each(places)("%s", (_, { host, procedure, occurrence }) =>
        withPair(async (lab) => {
          lab[host].dropAt(procedure, moment, { skip: occurrence });
          await moveVm(lab.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
          await recover(lab.cluster, "web");
          expectSettled(clusterState(lab));
        }),
      );
    });
  });

  describe.concurrent("libvirt refuses once", () => {
    it.each(places)("%s", (_, { host, procedure, occurrence }) =>
      withPair(async (lab) => {
        lab[host].refuse(procedure, new Refusal(38, 0, "Unable to do that: Input/output error"), { skip: occurrence });
        await moveVm(lab.cluster, { vm: "web", to: "host2", options }).catch(() => undefined);
        await recover(lab.cluster, "web");
        const now = clusterState(lab);
        // A VF that the destination would not give is replaced by another that is free.
        const plugging =
          procedure === "domain_attach_device_flags" || (procedure === "node_device_detach_flags" && occurrence === 1);
        if (unplug === "early" && plugging) expect(now).toEqual(expectedState("host2", vfs[1]));
        else expectSettled(now);
      }),
    );
  });
});

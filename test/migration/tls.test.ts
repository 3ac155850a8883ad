/** The stream of a migration by libvirt's TLS: asked for, forced by a host, and with certificates that do not fit. */
import { describe, expect } from "vitest";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { Migrate } from "../../provider/backends/libvirt/constants.js";
import { isTlsForced } from "../../provider/backends/libvirt/tls-forced.js";
import { plan } from "../../provider/cli/commands/libvirt/plan.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { ask } from "../../provider/handlers/functions/function.js";
import { planMove } from "../../provider/handlers/functions/plan-move.js";
import { vmPlacement } from "../../provider/handlers/libvirt/vm-placement.js";
import { MoveFailed, moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { MoveRefused } from "../../provider/migration/plan.js";
import { recover } from "../../provider/migration/recover.js";
import { contextWith } from "../cli/command-context.js";
import { disown } from "../hosts/left-journal.js";
import { refusals } from "../hosts/refusals.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { vfs, type LabLike } from "../hosts/two-hosts.js";

const there = expectedState("host2", vfs[0]);
const here = expectedState("host1", vfs[0]);

function move({ cluster, progress }: Pick<LabLike, "cluster" | "progress">, tls: boolean) {
  return moveVm(cluster, { vm: "web", to: "host2", progress, options: { ...defaultMigrationOptions, tls } });
}

/** The flags of each call of a migration, as the hosts were given them. */
function flagsOf({ hosts }: LabLike): Map<string, number> {
  const seen = new Map<string, number>();
  for (const host of hosts)
    host.onCall = ({ procedure, args }) => {
      const { flags } = args as { flags?: number };
      if (procedure.startsWith("domain_migrate_") && flags !== undefined && (flags & Migrate.POSTCOPY_RESUME) === 0)
        seen.set(procedure, flags);
    };
  return seen;
}

describe.concurrent("a move with tls", () => {
  it("asks for it in every phase, and one without in none", async ({ lab }) => {
    const seen = flagsOf(lab);
    await move(lab, true);
    const phases = ["begin", "prepare", "perform", "finish", "confirm"];
    expect([...seen.keys()].toSorted()).toEqual(phases.map((phase) => `domain_migrate_${phase}3_params`).toSorted());
    for (const flags of seen.values()) expect(flags & Migrate.TLS).toBe(Migrate.TLS);
    expect(clusterState(lab)).toEqual(there);
    seen.clear();
    await moveVm(lab.cluster, { vm: "web", to: "host1", progress: lab.progress });
    expect(seen.size).toBe(5);
    for (const flags of seen.values()) expect(flags & Migrate.TLS).toBe(0);
  });

  it("is rolled back where the destination's certificate has another name, which migrationName tells", async ({
    lab,
  }) => {
    lab.host2.tls.names = ["kvm2.example"];
    await expect(move(lab, true)).rejects.toThrow(/Certificate does not match the hostname host2/);
    expect(clusterState(lab)).toEqual(here);
    const { cluster: config } = lab.configuration;
    const host2 = { ...config.hosts["host2"], migrationAddress: "host2", migrationName: "kvm2.example" };
    const cluster = new LibvirtCluster(
      parseConfiguration({ cluster: { ...config, hosts: { ...config.hosts, host2 } } }),
    );
    await move({ ...lab, cluster }, true);
    await cluster.close();
    expect(clusterState(lab)).toEqual(there);
  });

  it.for(["host1", "host2"] as const)("is rolled back where %s has no certificate", async (name, { lab }) => {
    lab[name].tls.names = [];
    await expect(move(lab, true)).rejects.toThrow(MoveFailed);
    expect(clusterState(lab)).toEqual(here);
  });
});

describe.concurrent("a host that takes and sends VMs by TLS alone", () => {
  it.for(["host1", "host2"] as const)("is found before anything changes: %s", async (name, { lab }) => {
    lab[name].tls.forced = true;
    const answer = await plan(contextWith({ cluster: lab.cluster }), { vm: "web", to: "host2" });
    expect(answer.text).toMatch(
      /takes and sends VMs by TLS alone .*Set tls: true in the placement's migration \(--tls\)/s,
    );
    const before = clusterState(lab);
    await expect(move(lab, false)).rejects.toThrow(MoveRefused);
    expect(clusterState(lab)).toEqual(before);
    expect(lab.hosts.map(({ journal }) => journal.includes("domain_detach_device_alias"))).toEqual([false, false]);
    const failuresOf = async (migration: object) =>
      (await vmPlacement.check(lab.context(), { vm: "web", host: "host2", migration })).failures;
    expect(await failuresOf({})).toMatchObject([{ reason: expect.stringContaining("by TLS alone") as string }]);
    expect(await failuresOf({ tls: true })).toEqual([]);
    const isRefused = async (migration: object) =>
      (await ask(planMove, lab.context(), { vm: "web", host: "host2", migration })).refused;
    expect([await isRefused({}), await isRefused({ tls: true })]).toEqual([true, false]);
    await move(lab, true);
    expect(clusterState(lab)).toEqual(there);
  });

  it("is asked without leaving anything there, and one that does not tell is not said to be so", async ({ lab }) => {
    const host = lab.cluster.host("host2");
    expect(await isTlsForced(host)).toBe(false);
    lab.host2.tls.forced = true;
    expect(await isTlsForced(host)).toBe(true);
    expect(lab.host2.domains.all()).toEqual([]);
    // libvirt < 8.5
    lab.host2.refuse("domain_migrate_prepare3_params", refusals.unknownFlags(1 << 19), { when: () => true });
    expect(await isTlsForced(host)).toBeUndefined();
  });

  it("has a stopped copy there ended by libvirt's own Confirm after a crash", async ({ lab }) => {
    lab.host1.tls.forced = true;
    const mover = await lab.entrance();
    lab.host1.before("domain_migrate_confirm3_params", () => mover.die());
    await expect(move({ ...lab, cluster: mover.cluster }, true)).rejects.toThrow();
    disown(lab);
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toEqual(there);
    expect(lab.host1.journal).not.toContain("domain_destroy_flags");
  });
});

import { beforeEach, expect, test, vi } from "vitest";
import { needsRecovery, surveyVms } from "../../../../provider/cli/commands/libvirt/vm-survey.js";
import type { LibvirtCluster, DomainInstance } from "../../../../provider/backends/libvirt/cluster.js";
import { DomainState } from "../../../../provider/backends/libvirt/constants.js";
import type { DomainRef, LibvirtHost } from "../../../../provider/backends/libvirt/host.js";
import { HostUnreachable } from "../../../../provider/backends/libvirt/host-errors.js";
import { ConnectionLostError } from "../../../../provider/backends/libvirt/rpc/errors.js";
import { journalAmong } from "../../../../provider/migration/journal-store.js";
import { missingVfsOf } from "../../../../provider/migration/repair.js";
import type { Journal } from "../../../../provider/migration/journal.js";
import { ProblemError } from "../../../../provider/model/problem.js";
import { parseDomain } from "../../../../provider/backends/libvirt/xml/domain.js";

vi.mock(import("../../../../provider/migration/journal-store.js"), async (original) => ({
  ...(await original()),
  journalAmong: vi.fn(),
}));
vi.mock(import("../../../../provider/migration/repair.js"), async (original) => ({
  ...(await original()),
  missingVfsOf: vi.fn(),
}));

const standbyOnly = (name: string) => `<domain type="kvm"><name>${name}</name>
  <uuid>11111111-2222-4333-8444-000000000050</uuid><devices><interface type="bridge">
  <mac address="52:54:00:AA:00:50"/><source bridge="br0"/><teaming type="persistent"/><alias name="ua-standby"/>
</interface></devices></domain>`;

/** Which host has which VM in which state; `unreachable` hosts do not answer. */
function cluster(vms: Record<string, Record<string, number>>, unreachable: readonly string[] = []): LibvirtCluster {
  const hosts = [...Object.keys(vms), ...unreachable].map((name) => {
    const domain = (dom: DomainRef) => Promise.resolve(parseDomain(standbyOnly(dom.name)));
    return {
      name,
      domains: () =>
        unreachable.includes(name)
          ? Promise.reject(new HostUnreachable(name, new Error("timed out")))
          : Promise.resolve(Object.keys(vms[name] ?? {}).map((vm) => ({ name: vm }))),
      liveDomain: domain,
      inactiveDomain: domain,
      metadata: () => Promise.resolve(undefined),
    } as unknown as LibvirtHost;
  });
  const locations = (vm: string) =>
    Promise.resolve({
      instances: hosts.flatMap((host): DomainInstance[] => {
        const state = vms[host.name]?.[vm];
        return state === undefined ? [] : [{ host, dom: { name: vm } as DomainRef, state, reason: 0 }];
      }),
      unreachable: [],
    });
  const profiles = { all: () => Promise.resolve([]) };
  return { hosts, locations, profiles, config: { networks: {} } } as unknown as LibvirtCluster;
}

const { RUNNING, PAUSED, SHUTOFF } = DomainState;

beforeEach(() => {
  vi.mocked(journalAmong).mockReset().mockResolvedValue(undefined);
  vi.mocked(missingVfsOf).mockReset().mockResolvedValue([]);
});

test("every VM once, by name, where it is active rather than where it is defined", async () => {
  const { vms, unreachable } = await surveyVms(
    cluster({ host1: { web: SHUTOFF, db: PAUSED }, host2: { web: RUNNING, off: SHUTOFF } }),
  );
  expect(vms.map(({ vm, state, hosts }) => [vm, state, hosts])).toEqual([
    ["db", "paused", ["host1"]],
    ["off", "shut off", ["host2"]],
    ["web", "running", ["host2"]],
  ]);
  expect(unreachable).toEqual([]);
  expect(vms.some((vm) => needsRecovery(vm))).toBe(false);
});

test("a standby that has no VF is an interface without VF", async () => {
  const { vms } = await surveyVms(cluster({ host1: { web: RUNNING, db: RUNNING } }), "web");
  expect(vms).toMatchObject([{ vm: "web", interfaces: [{ mac: "52:54:00:aa:00:50", bridge: "br0", vf: undefined }] }]);
});

test("a VM with a journal, and one that owes something to a host that answers, need recovery", async () => {
  const journal = { id: "some" } as Journal;
  vi.mocked(journalAmong).mockImplementation(([instance]) =>
    Promise.resolve(instance?.dom.name === "cut" ? { journal, instance } : undefined),
  );
  const { vms } = await surveyVms(cluster({ host1: { cut: RUNNING, web: RUNNING } }));
  expect(vms.map((vm) => [vm.vm, vm.journal?.id, needsRecovery(vm)])).toEqual([
    ["cut", "some", true],
    ["web", undefined, false],
  ]);
  const owed = [{ host: "host2", move: "some", vfs: [] }];
  expect(vms[1] && needsRecovery({ ...vms[1], owed }, ["host1"])).toBe(false);
  expect(vms[1] && needsRecovery({ ...vms[1], owed }, ["host1", "host2"])).toBe(true);
});

test("a VM that runs twice needs recovery, and is not asked for its VFs", async () => {
  const [web] = (await surveyVms(cluster({ host1: { web: PAUSED }, host2: { web: RUNNING } }))).vms;
  expect(web).toMatchObject({ hosts: ["host1", "host2"], missing: [] });
  expect(web !== undefined && needsRecovery(web)).toBe(true);
  expect(missingVfsOf).not.toHaveBeenCalled();
});

test("a host whose connection is lost once it is open hides no other", async () => {
  const both = cluster({ host1: { web: RUNNING }, host2: { db: RUNNING } });
  const [, host2] = both.hosts;
  Object.assign(host2 ?? {}, { domains: () => Promise.reject(new ConnectionLostError("host2")) });
  const { vms, unreachable } = await surveyVms(both);
  expect(vms.map(({ vm }) => vm)).toContain("web");
  expect(unreachable).toMatchObject([{ host: "host2" }]);
});

test("an unreachable host hides no other, nor does a VM that cannot be read", async () => {
  const problem = new ProblemError({ code: "journal-unreadable", what: "no" });
  vi.mocked(journalAmong).mockImplementation(([instance]) =>
    instance?.dom.name === "odd" ? Promise.reject(problem) : Promise.resolve(undefined),
  );
  const { vms, unreachable } = await surveyVms(cluster({ host1: { odd: RUNNING, web: RUNNING } }, ["host2"]));
  expect(vms).toMatchObject([{ vm: "odd", problem }, { vm: "web" }]);
  expect(unreachable).toMatchObject([{ host: "host2" }]);
});

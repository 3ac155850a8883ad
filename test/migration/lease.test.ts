import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Lease, leaseLasts, Overtaken } from "../../provider/migration/lease.js";
import type { Journal } from "../../provider/migration/journal.js";
import { readJournal, writeJournal } from "../../provider/migration/journal-store.js";
import { moverOf, ownerStatus, thisMover, whileMoving } from "../../provider/migration/mover.js";
import { declarePair } from "../hosts/declared.js";
import { twoHosts, type LabLike, vm } from "../hosts/two-hosts.js";
import { journalOf } from "../hosts/left-journal.js";
import { TestClock } from "../hosts/test-clock.js";

let lab: LabLike;
let current: { journal: Journal };
let lease: Lease;
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
  const pair = await declarePair(lab);
  current = { journal: journalOf(pair, { uuid: vm.uuid, holder: "mine", mover: thisMover() }) };
  lease = new Lease(lab.cluster, "web", current);
});
afterEach(async () => {
  await lab.close();
});

const place = async () => {
  const host = lab.cluster.host("host1");
  return { host, dom: (await host.domainOf(vm.uuid)) ?? expect.fail("host1 has the VM") };
};
const taken = async () => {
  const at = await place();
  await lease.take(at, undefined, () => new Error("lost"));
  return at;
};
const stored = async () => {
  const { host, dom } = await place();
  return readJournal(host, dom);
};

describe("a lease", () => {
  it("begins with the first write", async () => {
    const before = lab.clock.now();
    await taken();
    expect((await stored())?.until).toBeGreaterThanOrEqual(before + leaseLasts);
  });

  it("renews it in time while something is done, but not while the VM migrates", async () => {
    await lease.during(async () => {
      await taken();
      const first = (await stored())?.until ?? 0;
      await lab.clock.sleep(20_000);
      expect((await stored())?.until).toBe(first + 15_000);
      const second = (await stored())?.until ?? 0;
      await lease.unrenewed(async () => {
        await lab.clock.sleep(60_000);
        expect((await stored())?.until).toBe(second);
      });
    });
    const last = await stored();
    await lab.clock.sleep(60_000);
    expect(await stored()).toEqual(last);
  });

  it.each([
    ["has it", (journal: Journal): Journal | undefined => ({ ...journal, holder: "another" })],
    ["has ended it", (): Journal | undefined => undefined],
  ])("is over once another %s", async (_, change) => {
    const { host, dom } = await taken();
    await lease.check();
    await writeJournal(host, dom, change(current.journal));
    await expect(lease.check()).rejects.toThrow(Overtaken);
    const guarded = host.guarded(() => lease.check());
    const calls = lab.host1.callCount;
    await expect(guarded.destroy(dom)).rejects.toThrow(Overtaken);
    expect(lab.host1.journal.slice(calls)).not.toContain("domain_destroy_flags");
    expect(await guarded.domainOf(vm.uuid)).toBeDefined();
  });

  it("is over where another wrote its journal at once", async () => {
    const { host, dom } = await place();
    lab.host1.after(
      "domain_set_metadata",
      () => void writeJournal(host, dom, { ...current.journal, holder: "another" }),
    );
    await expect(lease.take({ host, dom }, undefined, (kept) => new Error(`kept by ${kept?.holder}`))).rejects.toThrow(
      "kept by another",
    );
  });

  it("lasts to its end where its host does not answer: no other can have written there either", async () => {
    await taken();
    lab.host1.close();
    await lease.check();
    current.journal = { ...current.journal, until: lab.clock.now() - 1 };
    await expect(lease.check()).rejects.toMatchObject({ problem: { code: "host-unreachable" } });
  });

  it("is of a VM that has ended for good, too, but not of one that has moved on without its journal", async () => {
    await taken();
    const xml = lab.host1.domains.xml(lab.host1.domains.requireNamed("web"), 2);
    lab.host1.domains.stop(lab.host1.domains.requireNamed("web"));
    lab.host1.domains.undefine(lab.host1.domains.requireNamed("web"), 0x7f);
    await lease.check();
    lab.host2.domains.start(lab.host2.domains.define(xml.replace(/<metadata>.*<\/metadata>/s, "")));
    await expect(lease.check()).rejects.toThrow(Overtaken);
  });
});

describe("whether a mover is at work", () => {
  const now = 1_800_000_000_000;
  const until = now + 60_000;
  const statusOf = (mover: Journal["mover"], more: Partial<Journal> = {}) =>
    ownerStatus({ id: "some", mover, until, ...more }, now);

  it.each([
    ["another container of this machine", { pidNamespace: "pid:[1]" }],
    ["another machine of this name", { boot: "some other boot" }],
    ["a mover that does not tell", { boot: undefined, pidNamespace: undefined, processStart: undefined }],
  ])("only its lease tells of %s, although name and number are ours", (_, other) => {
    const mover = { ...moverOf(process.ppid), ...other } as Journal["mover"];
    expect(statusOf(mover)).toBe("perhaps at work");
    expect(statusOf(mover, { until: now - 1 })).toBe("gone");
  });

  it("a process of this container is at work while it lives and its lease lasts", () => {
    expect(statusOf(moverOf(process.ppid))).toBe("at work");
    expect(statusOf(moverOf(process.ppid), { until: now - 1 })).toBe("gone");
    expect(statusOf({ ...moverOf(process.ppid), processStart: "1" })).toBe("gone");
  });

  it("this process is at those moves that it has not given up", async () => {
    expect(statusOf(thisMover())).toBe("gone");
    await whileMoving({ id: "some" }, () => {
      expect(statusOf(thisMover())).toBe("at work");
      return Promise.resolve();
    });
    expect(statusOf(thisMover())).toBe("gone");
  });
});

/** After a reboot of its host, and after a move, a VM starts by itself. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unstartableOn } from "../../provider/backends/libvirt/start-survey.js";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { formatXml } from "../../provider/xml/element.js";
import { parseXml } from "../../provider/xml/element.js";
import { declarePair } from "../hosts/declared.js";
import { twoHosts, type LabLike, vfs } from "../hosts/two-hosts.js";
import { disown } from "../hosts/left-journal.js";
import { refusals } from "../hosts/refusals.js";
import { TestClock } from "../hosts/test-clock.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
  await declarePair(lab);
});
afterEach(() => lab.close());

const web = (host: "host1" | "host2") => lab[host].domains.requireNamed("web");
const managed = (host: "host1" | "host2") => {
  const of = (definition: ReturnType<typeof web>["live"]) =>
    /<interface[^>]*type="hostdev"[^>]*>/.exec(definition === undefined ? "" : formatXml(definition))?.[0] ?? "none";
  return [of(web(host).live).includes('managed="yes"'), of(web(host).config).includes('managed="yes"')];
};

/** The host is switched off and on: VFs are with their own driver, and no domain runs. */
function reboot(host: "host1" | "host2"): void {
  const { domains, devices } = lab[host];
  domains.stop(domains.requireNamed("web"));
  for (const vf of devices.virtualFunctions()) devices.reattach(vf);
}

describe("the definition of our own pair lets libvirt bind the VF", () => {
  it("and the running VM's does not: it starts after a reboot", () => {
    expect(managed("host1")).toEqual([false, true]);
    reboot("host1");
    lab.host1.domains.start(web("host1"));
    expect(lab.host1.domains.userOf(vfs[0])).toBe("web");
    expect(lab.host1.devices.functionAt(vfs[0])?.vf.driver).toBe("vfio-pci");
  });

  it("a VM that libvirt has started so moves, and its VF goes back", async () => {
    reboot("host1");
    lab.host1.domains.start(web("host1"));
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
    expect(lab.host1.devices.functionAt(vfs[0])?.vf.driver).toBe("igbvf");
    expect(managed("host2")[1]).toBe(true);
    reboot("host2");
    lab.host2.domains.start(web("host2"));
    expect(lab.host2.domains.userOf(vfs[0])).toBe("web");
  });

  it("also one that an older version has made, from its next move on", async () => {
    const before = web("host1");
    before.config = before.config && parseXml(formatXml(before.config).replace(' managed="yes"', ""));
    expect(managed("host1")).toEqual([false, false]);
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect(managed("host2")).toEqual([false, true]);
  });
});

describe("doctor's look at what would not start", () => {
  const look = () => unstartableOn(lab.cluster.host("host1"));

  it("finds nothing of a pair of ours, and the VF that nothing binds, or that is not there", async () => {
    expect(await look()).toEqual([]);
    const { config } = web("host1");
    const text = config === undefined ? "" : formatXml(config);
    web("host1").config = parseXml(text.replace(' managed="yes"', ""));
    web("host1").autostart = true;
    expect(await look()).toMatchObject([
      { vm: "web", autostart: true, why: expect.stringContaining("managed='no'") as string },
    ]);
    web("host1").config = parseXml(
      text
        .replace('function="0x0"/></source>', 'function="0x5"/></source>')
        .replace(/(hostdev".*?<source>.*?function=)"0x0"/, '$1"0x5"'),
    );
    expect(await look()).toMatchObject([{ why: "its definition names VF 0000:01:10.5, which the host does not have" }]);
  });
});

describe("autostart", () => {
  it("goes along in a move, there and back", async () => {
    web("host1").autostart = true;
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect(web("host2").autostart).toBe(true);
    await moveVm(lab.cluster, { vm: "web", to: "host1" });
    expect(web("host1").autostart).toBe(true);
  });

  it("is not given to a VM that had none", async () => {
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect(web("host2").autostart).toBe(false);
  });

  it("is off on the source before the migration begins: rebooted after it, that starts no second VM", async () => {
    web("host1").autostart = true;
    const seen: boolean[] = [];
    lab.host1.before("domain_migrate_perform3_params", () => void seen.push(web("host1").autostart));
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect(seen).toEqual([false]);
  });

  it.each(["domain_migrate_prepare3_params", "domain_migrate_finish3_params"] as const)(
    "is on again where the move is rolled back, at %s",
    async (procedure) => {
      web("host1").autostart = true;
      lab.host2.refuse(procedure, refusals.noMemory());
      await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
      expect(web("host1").autostart).toBe(true);
    },
  );

  it("stays off where another move that began at the same time is refused: the VM is not its own", async () => {
    web("host1").autostart = true;
    const first = await lab.entrance();
    // The second one is held where it has seen the VM's autostart, and no journal.
    let isReached = (): void => undefined;
    let release = (): void => undefined;
    const reached = new Promise<void>((resolve) => (isReached = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    const hold = () => {
      isReached();
      return released;
    };
    lab.host1.before("domain_migrate_begin3_params", hold, { when: () => true });
    const other = moveVm(lab.cluster, { vm: "web", to: "host2" }).catch((error: unknown) => error);
    await reached;
    lab.host1.after("domain_set_autostart", () => release());
    const seen: boolean[] = [];
    lab.host1.before("domain_migrate_perform3_params", async () => {
      expect(await other).toMatchObject({ problem: { code: "step-journal-failed" } });
      seen.push(web("host1").autostart);
    });
    await moveVm(first.cluster, { vm: "web", to: "host2" });
    expect(seen).toEqual([false]);
    await first.cluster.close();
  });

  it("is on again where a recovery rolls the move back", async () => {
    web("host1").autostart = true;
    const mover = await lab.entrance();
    lab.host1.before("domain_migrate_perform3_params", () => mover.die());
    await moveVm(mover.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    await mover.cluster.close();
    expect(web("host1").autostart).toBe(false);
    disown(lab);
    expect((await recover(lab.cluster, "web", { now: true })).outcome).toBe("undone");
    expect(web("host1").autostart).toBe(true);
  });

  it("goes along where a recovery finishes the move", async () => {
    web("host1").autostart = true;
    const mover = await lab.entrance();
    lab.host1.before("domain_migrate_confirm3_params", () => mover.die());
    await moveVm(mover.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    await mover.cluster.close();
    disown(lab);
    expect((await recover(lab.cluster, "web", { now: true })).outcome).toBe("finished");
    expect(web("host2").autostart).toBe(true);
  });
});

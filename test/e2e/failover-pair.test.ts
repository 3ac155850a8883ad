/** The main job on real libvirt, real QEMU and real VFs of the lab, through the real Pulumi engine. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { consoleOf, guestShows, requireLab, reset, type LabState } from "../lab/lab.js";
import { guestNamed, hostNamed } from "../lab/layout.js";
import { learntPort } from "../lab/network.js";
import { probeInterval, readProbe, startProbe, stopProbe } from "../lab/probe.js";
import { TestStack, withStack } from "../pulumi/stack.js";
import { bothEnslaved, domainXml, labSkipped, stackConfig, traces, vfDrivers } from "./lab.js";

const web = guestNamed("web");
const host1 = hostNamed("host1");
const host2 = hostNamed("host2");

const program = (host: string) => `
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", { network: "data-vf", passThrough: "enabled", migratable: true, failover: standby.id });
const nic = new VmInterface("nic", { vm: "web", profile: fast.id, mac: "${web.mac.toUpperCase()}" });
const place = new VmPlacement("place", { vm: "web", host: "${host}" }, { dependsOn: nic });
`;

const moveReport = z
  .object({ moments: z.array(z.object({ kind: z.string(), what: z.string(), at: z.number() })) })
  .loose();

describe.skipIf(labSkipped !== undefined)(
  `on the lab${labSkipped === undefined ? "" : ` (skipped: ${labSkipped})`}`,
  () => {
    let lab: LabState;

    beforeAll(async () => {
      lab = requireLab();
      // Whatever an earlier run left: a guest with no interface on host1.
      await reset(lab, web);
    });
    afterAll(async () => {
      await stopProbe().catch(() => undefined);
    });

    test("declares the pair, moves the VM, and leaves clean hosts", async () => {
      await withStack({ program: program("host1"), config: stackConfig(lab) }, async (stack) => {
        await createsThePair(stack);
        await previewIsEmpty(stack);
        await movesTheVm(stack);
        await previewIsEmpty(stack);
        await keepsSecretsOut(stack);
        await leavesCleanHosts(stack);
      });
    }, 900_000);

    async function createsThePair(stack: TestStack): Promise<void> {
      const { exitCode, text, changes } = await stack.up();
      expect(exitCode, text).toBe(0);
      expect(changes).toEqual({ data: "create", "data-vf": "create", nic: "create", place: "create" });
      await guestShows(lab, web, host1, bothEnslaved);
      await startProbe(web.address);
      await expect.poll(() => readProbe().sent, { timeout: 20_000 }).toBeGreaterThan(20);
      // The switch knows the guest behind the PF's port: its traffic goes through the VF, not through the bridge.
      expect(await learntPort(web.mac)).toBe("pf1");
      for (const flags of [[], ["--inactive"]]) {
        const xml = await domainXml(lab, host1, "web", ...flags);
        expect(xml).toMatch(/<teaming type='persistent'\/>/);
        expect(xml).toMatch(/<teaming type='transient' persistent='ua-[0-9a-f-]{36}'\/>/);
        expect(xml.match(new RegExp(`<mac address='${web.mac}'/>`, "g"))).toHaveLength(2);
      }
    }

    async function previewIsEmpty(stack: TestStack): Promise<void> {
      const { exitCode, text, changes } = await stack.preview("--expect-no-changes");
      expect(exitCode, text).toBe(0);
      expect(changes).toEqual({});
    }

    async function movesTheVm(stack: TestStack): Promise<void> {
      stack.write(program("host2"));
      const preview = await stack.preview();
      expect(preview.changes, preview.text).toEqual({ place: "update" });
      expect(preview.text).toMatch(/host: "host1" => "host2"/);
      const { exitCode, text, changes } = await stack.up();
      expect(exitCode, text).toBe(0);
      expect(changes).toEqual({ place: "update" });

      expect((await domainXml(lab, host1, "web")).trim()).toBe("");
      for (const flags of [[], ["--inactive"]])
        expect(await domainXml(lab, host2, "web", ...flags)).toMatch(/<teaming type='transient'/);
      expect(await domainXml(lab, host2, "web")).not.toMatch(/journal/);
      await guestShows(lab, web, host2, bothEnslaved);
      expect(await vfDrivers(lab, host1)).toEqual(["igbvf", "igbvf", "igbvf", "igbvf"]);
      expect((await vfDrivers(lab, host2)).filter((driver) => driver === "vfio-pci")).toHaveLength(1);
      // On a busy machine the emulated link may go once more.
      await expect.poll(() => learntPort(web.mac), { timeout: 20_000 }).toBe("pf2");
      expect(await consoleOf(lab, web, host2)).toMatch(/failover primary slave:\S+ registered/);
      const { sent, lost, lostAt } = await stopProbe();
      // The network of the VM could not be called alive if half of the probes had gone.
      expect(lost).toBeLessThan(sent / 2);
      const state = await stack.export();
      const move = moveReport.parse(state.resources["place"]?.outputs["lastMove"]);
      expect(move).toMatchObject({ from: "host1", to: "host2", outcome: "moved" });
      // While the new VF's link comes up the guest hears through the VF what comes to its standby.
      expect(move.moments.map(({ what }) => what)).toContainEqual(
        expect.stringMatching(/^host2 passed [1-9]\d* frames on to the VF/),
      );
      const at = (wanted: string) => (move.moments.find(({ kind }) => kind === wanted)?.at ?? NaN) / 1000;
      const [plugged, used] = [at("vf-plugged"), at("vf-used")];
      expect(used).toBeGreaterThan(plugged);
      const meanwhile = lostAt.filter((time) => time > plugged && time < used);
      expect(meanwhile.length).toBeLessThan((used - plugged) / probeInterval / 4);
    }

    async function keepsSecretsOut(stack: TestStack): Promise<void> {
      const { text, resources } = await stack.export();
      const key = readFileSync(lab.image.key, "utf8").split("\n")[1] ?? "";
      expect(key.length).toBeGreaterThan(20);
      expect(text).not.toContain(key);
      for (const { outputs } of Object.values(resources)) {
        expect(JSON.stringify(outputs["__provider"]).length).toBeLessThanOrEqual(2048);
      }
    }

    async function leavesCleanHosts(stack: TestStack): Promise<void> {
      const { exitCode, text } = await stack.destroy();
      expect(exitCode, text).toBe(0);
      expect(await traces(lab)).toEqual([]);
      // The VM itself is none of ours: it runs on, without a network.
      await guestShows(lab, web, host2, (interfaces) => interfaces.length === 0);
    }
  },
);

/** Replacing the package's resources, under the real engine, on two hosts in this process. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordsOf } from "../../provider/backends/libvirt/interfaces.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { formatXml } from "../../provider/xml/element.js";
import { pairs } from "../../provider/backends/libvirt/xml/teaming.js";
import { domainXml, vm, type LabLike } from "../hosts/two-hosts.js";
import { classes, type Face } from "./faces.js";
import { Stage } from "./stage.js";
import type { Run, TestStack } from "./stack.js";

const TIMEOUT = 580_000;
const db = { name: "db", uuid: "11111111-2222-4333-8444-000000000051" };
const otherMac = "52:54:00:aa:00:51";
const networks = {
  data: { bridge: "br0" },
  "data-vf": { physicalFunctions: ["pf0"] },
  vf2: { physicalFunctions: ["pf0"] },
};

/** A pair of VM `web`, and what the story changes of it. */
const program = (face: Face): string => `${classes[face]}
const config = new pulumi.Config();
const standby = new VnicProfile("data", { network: "data" });
const passthrough = { passThrough: "enabled", migratable: true, failover: ref(standby) };
const fast = new VnicProfile("data-vf", { network: config.get("network") ?? "data-vf", ...passthrough });
const other = new VnicProfile("other", { network: "data-vf", ...passthrough });
const nic = new VmInterface("nic", {
  vm: config.require("vm"),
  profile: ref(config.getBoolean("other") ? other : fast),
  mac: config.require("mac"),
  plugged: config.getBoolean("plugged"),
}, { replaceOnChanges: ["plugged"] });
new VmPlacement("placement", { vm: config.require("vm"), host: "host1" }, { dependsOn: nic });
`;

const stage = new Stage();
beforeAll(() => stage.open(), TIMEOUT);
afterAll(() => stage.close());

/** What the VM has: its pairs' MACs, all its devices, and what is written down of them. */
function interfacesOf(lab: LabLike, name: string) {
  const { live, config } = lab.host1.domains.requireNamed(name);
  if (live === undefined || config === undefined) throw new Error(`${name} does not run`);
  const [running, defined] = [live, config].map((definition) => parseDomain(formatXml(definition)));
  if (running === undefined || defined === undefined) throw new Error("no domain");
  return {
    macs: pairs(running).pairs.map(({ standby }) => standby.mac),
    devices: running.interfaces.length,
    definedDevices: defined.interfaces.length,
    records: recordsOf(running).length,
    vfs: running.hostdevs.length,
  };
}
const onePair = (mac: string = vm.mac) => ({ macs: [mac], devices: 2, definedDevices: 2, records: 1, vfs: 1 });
const nothing = { macs: [], devices: 0, definedDevices: 0, records: 0, vfs: 0 };

async function urnOf(stack: TestStack, name: string): Promise<string> {
  return (await stack.export()).resources[name]?.urn ?? "";
}

/** Previewed, done, and done with: nothing is left to do. */
async function replaced(stack: TestStack, names: readonly string[], ...flags: string[]): Promise<Run> {
  const changes = Object.fromEntries(names.map((name) => [name, "replace"]));
  expect(await stack.preview(...flags)).toMatchObject({ exitCode: 0, changes });
  const done = await stack.up(...flags);
  expect(done).toMatchObject({ exitCode: 0, changes });
  expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
  return done;
}

describe.concurrent.each(["dynamic", "plugin"] as const)("%s resources", (face) => {
  const play = (story: (stack: TestStack, lab: LabLike) => Promise<void>) =>
    stage.play(
      { program: program(face), config: { vm: "web", mac: vm.mac }, lab: { networks, define: [domainXml(db)] } },
      async (stack, lab) => {
        lab.host1.domains.start(lab.host1.domains.requireNamed("db"));
        expect(await stack.up()).toMatchObject({ exitCode: 0 });
        expect(interfacesOf(lab, "web")).toEqual(onePair());
        await story(stack, lab);
        expect((await stack.refresh()).changes).toEqual({});
        expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
        for (const name of ["web", "db"]) expect(interfacesOf(lab, name)).toEqual(nothing);
      },
    );

  test("an interface is replaced for another MAC, profile or VM", { timeout: TIMEOUT }, async () => {
    await play(async (stack, lab) => {
      await stack.pulumi("config", "set", "test:mac", otherMac);
      await replaced(stack, ["nic"]);
      expect(interfacesOf(lab, "web")).toEqual(onePair(otherMac));

      await stack.pulumi("config", "set", "test:other", "true");
      await replaced(stack, ["nic"]);
      expect(interfacesOf(lab, "web")).toEqual(onePair(otherMac));

      await stack.pulumi("config", "set", "test:vm", "db");
      await replaced(stack, ["nic", "placement"]);
      expect(interfacesOf(lab, "web")).toEqual(nothing);
      expect(interfacesOf(lab, "db")).toEqual(onePair(otherMac));
    });
  });

  test("an interface and a placement are replaced where the user asks for it", { timeout: TIMEOUT }, async () => {
    await play(async (stack, lab) => {
      const { id } = (await stack.export()).resources["nic"] ?? {};
      await stack.pulumi("state", "taint", "--yes", await urnOf(stack, "nic"));
      await replaced(stack, ["nic"]);
      expect(interfacesOf(lab, "web")).toEqual(onePair());
      expect((await stack.export()).resources["nic"]?.id).not.toBe(id);

      const [nic, placement] = [await urnOf(stack, "nic"), await urnOf(stack, "placement")];
      await replaced(stack, ["nic", "placement"], "--target-replace", nic, "--target-replace", placement);
      expect(interfacesOf(lab, "web")).toEqual(onePair());

      await stack.pulumi("config", "set", "test:plugged", "false");
      await replaced(stack, ["nic"]);
      expect(interfacesOf(lab, "web")).toEqual({ ...nothing, records: 1 });
    });
  });

  test("a profile is replaced with its interfaces", { timeout: TIMEOUT }, async () => {
    await play(async (stack, lab) => {
      const { id } = (await stack.export()).resources["data-vf"] ?? {};
      await stack.pulumi("config", "set", "test:network", "vf2");
      await replaced(stack, ["data-vf", "nic"]);
      expect(interfacesOf(lab, "web")).toEqual(onePair());
      expect((await stack.export()).resources["data-vf"]?.id).not.toBe(id);

      // Of no interface.
      await replaced(stack, ["other"], "--target-replace", await urnOf(stack, "other"));
    });
  });
});

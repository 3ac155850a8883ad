/** The package's resources in components of a program, under the real engine, on two hosts in this process. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { vfs, vm } from "../hosts/two-hosts.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { classes, type Face } from "./faces.js";
import { compile } from "./package.js";
import { Stage } from "./stage.js";

const TIMEOUT = 300_000;

/** Three levels: a site has a VM, which has a network; the placement's parent is the interface. */
const components = `
const config = new pulumi.Config();
class Network extends pulumi.ComponentResource {
  constructor(name, opts) {
    super("acme:index:Network", name, {}, opts);
    const standby = new VnicProfile("data", { network: "data" }, { parent: this });
    this.fast = new VnicProfile("data-vf", {
      network: "data-vf", passThrough: "enabled", migratable: true, failover: ref(standby),
    }, { parent: this, dependsOn: standby });
    this.registerOutputs({ fast: this.fast.id });
  }
}
class FailoverVm extends pulumi.ComponentResource {
  constructor(name, { host }, opts) {
    super("acme:index:FailoverVm", name, {}, opts);
    const network = new Network("network", { parent: this });
    const nic = new VmInterface("nic", { vm: "web", profile: ref(network.fast), mac: "${vm.mac}" }, {
      parent: this, dependsOn: network,
    });
    new VmPlacement("placement", { vm: "web", host }, { parent: nic, dependsOn: [network, nic] });
    this.vf = nic.vf;
    this.registerOutputs({ vf: nic.vf });
  }
}
class Site extends pulumi.ComponentResource {
  constructor(name, args, opts) {
    super("acme:index:Site", name, {}, opts);
    this.vf = new FailoverVm("vm", args, { parent: this }).vf;
  }
}
`;
const program = (face: Face, site: string) => `${classes[face]}${components}
const host = config.require("host");
${site}
`;
const nested = `
const site = new Site("site", { host });
export const vf = site.vf;
`;

const custom = ["data", "data-vf", "nic", "placement"];
const all = (operation: string, ...names: readonly string[]) =>
  Object.fromEntries([...custom, ...names].map((name) => [name, operation]));

const stage = new Stage();
beforeAll(() => stage.open(), TIMEOUT);
afterAll(() => stage.close());

describe.concurrent.each([
  ["dynamic", "pinned"],
  ["dynamic", "newest"],
  ["plugin", "pinned"],
  ["plugin", "newest"],
] as const)("%s resources in nested components, on the %s SDK", (face, sdk) => {
  test("are made, stay, move and go", { timeout: TIMEOUT }, async () => {
    await stage.play({ program: program(face, nested), sdk }, async (stack, lab) => {
      const made = all("create", "site", "vm", "network");
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: made });
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: made });
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
      expect(await stack.refresh()).toMatchObject({ exitCode: 0, changes: {} });

      await stack.pulumi("config", "set", "test:host", "host2");
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      const moved = await stack.up();
      expect(moved).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
      // On the resource's own row, whose URN has all its parents in it.
      const { urn } = (await stack.export()).resources["placement"] ?? {};
      expect(urn).toMatch(/acme:index:Site\$acme:index:FailoverVm\$[^$]*VmInterface\$[^$]*VmPlacement::placement$/);
      const onRow = moved.diagnostics.filter(({ ephemeral, message }) => ephemeral && message.startsWith("preflight"));
      expect(onRow.map((line) => line.urn)).toEqual(expect.arrayContaining([urn]));

      expect(await stack.destroy()).toMatchObject({ exitCode: 0, changes: all("delete", "site", "vm", "network") });
      expect(clusterState(lab).bound).toEqual([]);
    });
  });
});

const transformed = `
const given = config.require("cluster");
class Cluster extends pulumi.ProviderResource {
  constructor(name) {
    super(providerPackage, name, providerPackage === "pulumi-nodejs" ? { "vnic-failover:cluster": given } : { cluster: given });
  }
}
pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
  type.endsWith("VnicProfile") ? { props: { ...props, description: "of the stack" }, opts } : undefined);
new Site("site", { host }, {
  providers: [new Cluster("cluster")],
  transforms: [({ type, props, opts }) =>
    type.endsWith("VmInterface") ? { props: { ...props, plugged: false }, opts } : undefined],
});
`;
/** What a stack had before there was a component, some of it under other names. */
const atRoot = `
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("fast", {
  name: "data-vf", network: "data-vf", passThrough: "enabled", migratable: true, failover: ref(standby),
});
const nic = new VmInterface("web-nic", { vm: "web", profile: ref(fast), mac: "${vm.mac}" });
new VmPlacement("placement", { vm: "web", host }, { parent: nic, dependsOn: nic });
`;
const withAliases = `
pulumi.runtime.registerStackTransformation(({ name, props, opts }) => {
  const before = { "data-vf": "fast", nic: "web-nic" }[name] ?? name;
  const root = { name: before, parent: pulumi.rootStackResource };
  return name === "placement" || ["site", "vm", "network"].includes(name)
    ? undefined
    : { props, opts: pulumi.mergeOptions(opts, { aliases: [root] }) };
});
new Site("site", { host });
`;

describe.concurrent.each(["dynamic", "plugin"] as const)("%s resources in a component", (face) => {
  test("take its providers and its transforms", { timeout: TIMEOUT }, async () => {
    await stage.play({ program: program(face, transformed), configured: false }, async (stack, lab) => {
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: all("create", "site", "vm", "network") });
      const { resources } = await stack.export();
      expect(resources["nic"]?.outputs).toMatchObject({ plugged: false });
      expect(resources["data-vf"]?.outputs).toMatchObject({ description: "of the stack" });
      expect(clusterState(lab).vfs).toEqual([]);
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
      expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
    });
  });

  test("are those that stood outside, by aliases", { timeout: TIMEOUT }, async () => {
    await stage.play({ program: program(face, atRoot) }, async (stack, lab) => {
      expect(await stack.up()).toMatchObject({ exitCode: 0 });
      const before = (await stack.export()).resources;
      stack.write(program(face, withAliases));
      const components = { site: "create", vm: "create", network: "create" };
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: components });
      const after = (await stack.export()).resources;
      expect(after["nic"]?.id).toBe(before["web-nic"]?.id);
      expect(after["data-vf"]?.id).toBe(before["fast"]?.id);
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
      expect(await stack.refresh()).toMatchObject({ exitCode: 0, changes: {} });
      expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
      expect(clusterState(lab).bound).toEqual([]);
    });
  });
});

test("examples/components previews", { timeout: TIMEOUT }, async () => {
  const example = join(root, "examples", "components");
  const text = (name: string) => readFileSync(join(example, name), "utf8");
  const vms = { web: { host: "host1", mac: vm.mac } };
  await stage.play({ program: text("index.ts"), config: { vms } }, async (stack) => {
    for (const name of ["network", "failover-vm"])
      writeFileSync(join(stack.folder, `${name}.js`), compile(text(`${name}.ts`), `${name}.ts`));
    const planned = ["data-vf", "web-nic", "web-placement", "data", "web"].map((name) => [name, "create"]);
    expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: Object.fromEntries(planned) as object });
  });
});

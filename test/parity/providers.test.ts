/** Several clusters in one program, each with a provider of its own, under the real engine. */
import { describe, expect, it } from "vitest";
import { twoHosts, vfs, vm } from "../hosts/two-hosts.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { clusterOf, overLab, TIMEOUT } from "./over-lab.js";

/** Hosts, VMs, profiles and MACs are named alike in both; one is used by resources, one by a component. */
const twoClusters = `
import * as pulumi from "@pulumi/pulumi";
import { getVmPlacementOutput, Provider, VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const config = new pulumi.Config();
const make = (where, opts) => {
  const standby = new VnicProfile(where + "-data", { name: "data", network: "data" }, opts);
  const fast = new VnicProfile(where + "-fast", {
    name: "fast", network: "data-vf", passThrough: "enabled", migratable: true, failover: standby,
  }, opts);
  const nic = new VmInterface(where + "-nic", { vm: "web", profile: fast, mac: "${vm.mac}" }, opts);
  const host = config.require(where + "Host");
  return new VmPlacement(where + "-web", { vm: "web", host }, { ...opts, dependsOn: nic });
};
class Site extends pulumi.ComponentResource {
  constructor(where, opts) {
    super("test:index:Site", where, {}, opts);
    make(where, { parent: this });
  }
}
const east = new Provider("east", {
  cluster: config.requireObject("east"),
  sshPassword: "correct-horse",
  sshPassphrase: config.getSecret("passphrase"),
  hostCredentials: { host1: { sshPassphrase: "open-sesame" }, host2: {} },
});
const west = new Provider("west", { cluster: config.requireObject("west"), sshPassword: config.requireSecret("password") });
const placement = make("east", { provider: east });
const site = new Site("west", { providers: [west] });
export const eastHost = getVmPlacementOutput({ vm: "web" }, { provider: east, dependsOn: placement }).host;
export const westHost = getVmPlacementOutput({ vm: placement.vm }, { parent: site, dependsOn: site }).host;
`;

describe("providers", () => {
  it("two clusters with the same names do not mix, and secrets stay secret", { timeout: TIMEOUT }, async () => {
    const west = await twoHosts();
    const east = await twoHosts();
    const config = {
      "test:east": clusterOf(east),
      "test:west": clusterOf(west),
      "test:eastHost": "host2",
      "test:westHost": "host1",
    };
    try {
      // The stack's own cluster is a third one, which nothing is done to.
      await overLab(
        { program: twoClusters, config, secrets: { "test:password": "battery-staple" } },
        async (stack, own) => {
          const planned = await stack.preview();
          expect(planned.text).not.toContain("error:");
          expect(planned).toMatchObject({ exitCode: 0 });
          expect(Object.keys(planned.changes)).toHaveLength(9);
          const made = await stack.up();
          expect(made.text).not.toContain("error:");
          expect(made.exitCode).toBe(0);
          expect(clusterState(east)).toEqual(expectedState("host2", vfs[0]));
          expect(clusterState(west)).toEqual(expectedState("host1", vfs[0]));
          expect(clusterState(own).bound).toEqual([]);

          const { text, resources } = await stack.export();
          for (const secret of ["correct-horse", "battery-staple", "open-sesame"]) {
            expect(text).not.toContain(secret);
            expect(planned.text + made.text).not.toContain(secret);
          }
          expect(resources["east-nic"]?.outputs).toMatchObject({ host: "host1" });
          const outputs = async () => JSON.parse((await stack.pulumi("stack", "output", "--json")).text) as object;
          expect(await outputs()).toEqual({ eastHost: "host2", westHost: "host1" });

          expect(await stack.preview("--refresh")).toMatchObject({ exitCode: 0, changes: {} });
          await stack.pulumi("config", "set", "test:westHost", "host2");
          // Another configuration of a provider replaces nothing.
          await stack.pulumi("config", "set", "--secret", "test:password", "another");
          const moved = await stack.up();
          expect(moved).toMatchObject({ exitCode: 0, changes: { "west-web": "update" } });
          expect(clusterState(east)).toEqual(expectedState("host2", vfs[0]));
          expect(clusterState(west)).toEqual(expectedState("host2", vfs[0]));
          expect(await outputs()).toEqual({ eastHost: "host2", westHost: "host2" });
          expect((await stack.destroy()).exitCode).toBe(0);
          for (const lab of [east, west]) expect(clusterState(lab).bound).toEqual([]);
        },
      );
    } finally {
      await Promise.all([east.close(), west.close()]);
    }
  });

  it("a mistake in the configuration of one is an error at preview", { timeout: TIMEOUT }, async () => {
    const wrong = (args: string) => `
      import * as pulumi from "@pulumi/pulumi";
      import { Provider } from "pulumi-vnic-failover";
      new Provider("east", ${args});
    `;
    await overLab(wrong(`{ cluster: { hosts: {} }, sshPassword: "correct-horse" }`), async (stack) => {
      for (const args of [
        undefined,
        `{ cluster: pulumi.output({ hosts: { host1: { url: "qemu:///system" } } }) }`,
        "{}",
      ]) {
        if (args !== undefined) stack.write(wrong(args));
        const { exitCode, text } = await stack.preview();
        expect(exitCode).not.toBe(0);
        expect(text).toContain('provider "east"');
        expect(text).toContain("Correct the arguments of the provider.");
        expect(text).not.toMatch(/^\s+at /m);
        expect(text).not.toContain("correct-horse");
      }
    });
  });
});

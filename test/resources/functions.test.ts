/** Functions in a program's own tests, and the configuration of a provider. */
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { getFreeVfs, getVmPlacement, getVmPlacementOutput, planMove, Provider } from "../../provider/index.js";
import { configurationOf } from "../../provider/resources/provider.js";

const calls: pulumi.runtime.MockCallArgs[] = [];
beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: inputs as object }),
    call: (args) => {
      calls.push(args);
      return { vm: "web", host: "host7", state: "running" };
    },
  }),
);

const valueOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve) => output.apply(resolve));

test("mocks answer functions: a program's tests reach no host", async () => {
  expect(await getVmPlacement({ vm: "web" })).toEqual({ vm: "web", host: "host7", state: "running" });
  expect(await valueOf(getVmPlacementOutput({ vm: pulumi.output("web") }))).toMatchObject({ host: "host7" });
  await getFreeVfs({ host: "host1", network: "data-vf" });
  await planMove({ vm: "web", host: "host1" });
  expect(calls.map(({ token, inputs }) => [token, inputs as object])).toEqual([
    ["vnic-failover:index:getVmPlacement", { vm: "web" }],
    ["vnic-failover:index:getVmPlacement", { vm: "web" }],
    ["vnic-failover:index:getFreeVfs", { host: "host1", network: "data-vf" }],
    ["vnic-failover:index:planMove", { vm: "web", host: "host1" }],
  ]);
});

const cluster = { hosts: { host1: { uri: "qemu:///system" } }, networks: { data: { bridge: "br0" } } };

test("a provider is configured by any mixture of values and outputs; what is secret stays so", async () => {
  const east = new Provider("east", {
    cluster: { ...cluster, hosts: pulumi.output({ host1: { uri: pulumi.output("qemu:///system") } }) },
    sshPassword: "horse",
    sshPassphrase: undefined,
  });
  expect(await valueOf(configurationOf(east))).toEqual({ cluster: JSON.stringify(cluster), sshPassword: "horse" });
  const registered = east as unknown as Readonly<
    Record<"vnic-failover:sshPassword" | "vnic-failover:cluster", pulumi.Output<unknown>>
  >;
  expect(await pulumi.isSecret(registered["vnic-failover:sshPassword"])).toBe(true);
  expect(await pulumi.isSecret(registered["vnic-failover:cluster"])).toBe(false);
  expect(registered).not.toHaveProperty("vnic-failover:sshPassphrase");
});

test("another provider is no configuration", () => {
  class Other extends pulumi.ProviderResource {}
  const other = new Other("aws", "aws", {});
  expect(() => configurationOf(other)).toThrow("must be a Provider of pulumi-vnic-failover");
});

test("the arguments of a provider are typed", () => {
  // @ts-expect-error a host has a uri
  const wrong = () => new Provider("east", { cluster: { hosts: { host1: { url: "qemu:///system" } } } });
  expect(wrong).toBeTypeOf("function");
});

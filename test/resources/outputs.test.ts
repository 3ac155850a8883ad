import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { VmInterface, VmPlacement, VnicProfile } from "../../provider/index.js";

const state = { passThrough: "disabled", migratable: false, mac: "52:54:00:12:34:56", aliases: ["ua-1"], missing: [] };

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: { ...(inputs as object), ...state } }),
    call: () => ({}),
  }),
);

const valueOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve) => output.apply(resolve));

// `export const mac = nic.mac` is read before the engine has answered: an output must be there from the start.

test("a profile has its outputs, also those that were not declared", async () => {
  const { passThrough, migratable, failover, differsOn } = new VnicProfile("data", { network: "data" });
  for (const output of [passThrough, migratable, failover, differsOn])
    expect(pulumi.Output.isInstance(output)).toBe(true);
  expect(await valueOf(passThrough)).toBe("disabled");
});

test("a profile and a placement have the inputs that were not declared among their outputs", async () => {
  const { networkFilter, qos, description } = new VnicProfile("plain", { network: "data" });
  for (const output of [networkFilter, qos, description]) expect(await valueOf(output)).toBeNull();
  const described = new VnicProfile("described", { network: "data", description: pulumi.output("for people") });
  expect(await valueOf(described.description)).toBe("for people");
  const { portMirroring, customProperties } = described;
  for (const output of [portMirroring, customProperties]) expect(pulumi.Output.isInstance(output)).toBe(true);
  const slow = new VmPlacement("slow", { vm: "web", host: "host1", migration: { maxDowntime: 500 } });
  expect(await valueOf(slow.migration)).toEqual({ maxDowntime: 500 });
  expect(await valueOf(new VmPlacement("usual", { vm: "web", host: "host1" }).migration)).toBeNull();
});

test("an interface has its outputs, also those that were not declared", async () => {
  const nic = new VmInterface("nic", { vm: "web", profile: "p" });
  const { mac, plugged, linked, host, vf, aliases, xml, missing } = nic;
  for (const output of [mac, plugged, linked, host, vf, aliases, xml, missing])
    expect(pulumi.Output.isInstance(output)).toBe(true);
  expect(await valueOf(mac)).toBe("52:54:00:12:34:56");
});

test("a placement has its outputs", () => {
  const { lastMove, missing } = new VmPlacement("web", { vm: "web", host: "host1" });
  for (const output of [lastMove, missing]) expect(pulumi.Output.isInstance(output)).toBe(true);
});

test("an output that the state leaves withoutDefaults is no undefined", async () => {
  const { plugged, linked, vf } = new VmInterface("withoutDefaults", { vm: "web", profile: "p" });
  expect([await valueOf(plugged), await valueOf(linked), await valueOf(vf)]).toEqual([true, true, null]);
  const declared = new VmInterface("said", { vm: "web", profile: "p", plugged: pulumi.output(false) });
  expect(await valueOf(declared.plugged)).toBe(false);
  expect(await valueOf(new VmPlacement("placement", { vm: "web", host: "host1" }).lastMove)).toBeNull();
  expect(await valueOf(new VnicProfile("standby", { network: "data" }).failover)).toBeNull();
});

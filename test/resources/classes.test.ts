/** What a class is to others: policy packs, other copies of the package, `import`. */
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { VmInterface, VmPlacement, VnicProfile } from "../../provider/index.js";

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: `${name}-id`, state: inputs as object }),
    call: () => ({}),
  }),
);

const make = {
  VnicProfile: (name: string, opts?: pulumi.CustomResourceOptions) => new VnicProfile(name, { network: "data" }, opts),
  VmInterface: (name: string, opts?: pulumi.CustomResourceOptions) =>
    new VmInterface(name, { vm: "web", profile: "p" }, opts),
  VmPlacement: (name: string, opts?: pulumi.CustomResourceOptions) =>
    new VmPlacement(name, { vm: "web", host: "host1" }, opts),
};
const classes = { VnicProfile, VmInterface, VmPlacement };
const kinds = ["VnicProfile", "VmInterface", "VmPlacement"] as const;

describe.each(kinds)("%s", (kind) => {
  test("has the type of its resources", async () => {
    const urn = await new Promise<string>((resolve) => make[kind]("it").urn.apply(resolve));
    expect(urn.split("::")[2]).toBe(classes[kind].__pulumiType);
  });

  test("knows its own, and nothing else", () => {
    for (const other of kinds) expect(classes[kind].isInstance(make[other]("it"))).toBe(kind === other);
    for (const other of [undefined, null, "web", {}, new pulumi.ComponentResource("a:b:C", "it")])
      expect(classes[kind].isInstance(other)).toBe(false);
  });

  test("refuses import in words", () => {
    expect(() => make[kind]("it", { import: "id" })).toThrow(
      new RegExp(`^${kind} "it": a dynamic resource cannot be imported\\. .*or use the plugin`),
    );
    expect(() => make[kind]("it", { import: "id" })).toThrow(pulumi.RunError);
  });
});

test("a profile of another copy of the package is a profile", async () => {
  vi.resetModules();
  const other = await import("../../provider/index.js");
  expect(other.VnicProfile).not.toBe(VnicProfile);
  const profile = new other.VnicProfile("data", { network: "data" });
  expect(VnicProfile.isInstance(profile)).toBe(true);
  const nic = new VmInterface("nic", { vm: "web", profile });
  expect(await new Promise((resolve) => nic.profile.apply(resolve))).toBe("data-id");
});

import { createContext, Script } from "node:vm";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { StubResource, shell } from "../../provider/resources/provider-stub.js";

const kinds = ["VnicProfile", "VmInterface", "VmPlacement"] as const;

describe.each(kinds)("the shell of %s", (kind) => {
  test("is small, even as JSON", () => {
    expect(JSON.stringify(shell(kind)).length).toBeLessThanOrEqual(100);
  });

  test("names our package and nothing else to load", () => {
    const names = [...shell(kind).matchAll(/\b(?:import|require)\s*\(\s*"([^"]*)"/g)].map(([, name]) => name);
    expect(names).toEqual(["pulumi-vnic-failover/handlers"]);
  });

  test("is the provider of that kind among those of the package's handlers", () => {
    const dynamic = { VnicProfile: {}, VmInterface: {}, VmPlacement: {} };
    const exports: { handler?: () => unknown } = {};
    const require = (name: string) => (name === "pulumi-vnic-failover/handlers" ? { dynamic } : undefined);
    new Script(shell(kind)).runInContext(createContext({ exports, require }));
    expect(exports.handler?.()).toBe(dynamic[kind]);
  });
});

describe("a resource with a shell", () => {
  const declared: pulumi.runtime.MockResourceArgs[] = [];
  beforeAll(() =>
    pulumi.runtime.setMocks(
      {
        newResource: (args) => {
          declared.push(args);
          return { id: `${args.name}-id`, state: { ...(args.inputs as object), host: "host1" } };
        },
        call: () => ({}),
      },
      "project",
      "stack",
    ),
  );

  class Nic extends StubResource {
    declare readonly host: pulumi.Output<string>;
    constructor(name: string, args: { vm: pulumi.Input<string> }, opts?: pulumi.CustomResourceOptions) {
      super("VmInterface", name, { ...args, host: undefined }, opts);
    }
  }

  test("tells the handler of which resources its inputs are, by texts: outputs would be dependencies once more", async () => {
    const profile = new Nic("profile", { vm: "web" });
    const inputs = async (references: Record<string, unknown>) => {
      await valueOf(new Referring("referring", references).urn);
      return declared.at(-1)?.inputs as unknown;
    };
    const urn = await valueOf(profile.urn);
    expect(await inputs({ profile })).toMatchObject({ __references: { profile: urn } });
    expect(await inputs({ profile: profile.id })).toMatchObject({ __references: { profile: urn } });
    expect(await inputs({ profile: "an id" })).not.toHaveProperty("__references");
  });

  class Referring extends StubResource {
    constructor(name: string, references: Record<string, unknown>) {
      super("VmInterface", name, { references });
    }
  }

  const valueOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve) => output.apply(resolve));

  test("is a dynamic one of its kind, tells the handler its URN, and has its outputs", async () => {
    const nic = new Nic("web-nic", { vm: "web" });
    const type = "pulumi-nodejs:dynamic/vnic-failover:VmInterface";
    expect(await valueOf(nic.urn)).toContain(`${type}::web-nic`);
    expect(await valueOf(nic.host)).toBe("host1");
    expect(declared.filter(({ name }) => name === "web-nic")).toEqual([
      expect.objectContaining({
        type,
        name: "web-nic",
        inputs: {
          vm: "web",
          __provider: shell("VmInterface"),
          __urn: "stack::project::web-nic",
        },
      }),
    ]);
  });
});

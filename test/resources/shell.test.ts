import { createContext, Script } from "node:vm";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { ShellResource, shell } from "../../provider/resources/shell.js";

const kinds = ["VnicProfile", "VmInterface", "VmPlacement"] as const;

describe.each(kinds)("the shell of %s", (kind) => {
  test("is small, even as JSON", () => {
    expect(JSON.stringify(shell(kind)).length).toBeLessThanOrEqual(2048);
  });

  test("names our package and nothing else to load", () => {
    const names = [...shell(kind).matchAll(/\b(?:import|require)\s*\(\s*"([^"]*)"/g)].map(([, name]) => name);
    expect(names).toEqual(["pulumi-vnic-failover/handlers"]);
  });

  test("is a provider with each of its methods passed on to the handler of that kind", async () => {
    const calls: unknown[][] = [];
    const record =
      (method: string) =>
      (...args: unknown[]) =>
        calls.push([method, ...args]);
    const methods = ["configure", "check", "diff", "create", "read", "update", "delete"];
    const dynamic = { [kind]: Object.fromEntries(methods.map((method) => [method, record(method)])) };
    const exports: { handler?: () => Record<string, (...args: unknown[]) => Promise<unknown>> } = {};
    // What the text loads is given in place of the module system.
    const text = shell(kind).replace("import(", "load(");
    new Script(text).runInContext(createContext({ exports, load: () => Promise.resolve({ dynamic }) }));

    const provider = exports.handler?.() ?? {};
    expect(Object.keys(provider)).toEqual(methods);
    for (const method of methods) await provider[method]?.("id", { a: 1 });
    expect(calls).toEqual(methods.map((method) => [method, "id", { a: 1 }]));
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

  class Nic extends ShellResource {
    declare readonly host: pulumi.Output<string>;
    constructor(name: string, args: { vm: pulumi.Input<string> }, opts?: pulumi.CustomResourceOptions) {
      super("VmInterface", name, { ...args, host: undefined }, opts);
    }
  }

  const valueOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve) => output.apply(resolve));

  test("is a dynamic one of its kind, tells the handler its URN, and has its outputs", async () => {
    const nic = new Nic("web-nic", { vm: "web" });
    const type = "pulumi-nodejs:dynamic/vnic-failover:VmInterface";
    expect(await valueOf(nic.urn)).toContain(`${type}::web-nic`);
    expect(await valueOf(nic.host)).toBe("host1");
    expect(declared).toEqual([
      expect.objectContaining({
        type,
        name: "web-nic",
        inputs: {
          vm: "web",
          __provider: shell("VmInterface"),
          __references: {},
          __urn: `urn:pulumi:stack::project::${type}::web-nic`,
        },
      }),
    ]);
  });
});

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "../../toolchain/pulumi.js";

const packages = ["@pulumi/pulumi", "@grpc/grpc-js", "zod"] as const;
let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "vnic-failover-sdk-"));
  mkdirSync(join(clone, "toolchain"));
  cpSync(join(root, "toolchain", "use-sdk.mjs"), join(clone, "toolchain", "use-sdk.mjs"));
  for (const name of packages) put("node_modules", name, "pinned");
});
afterEach(() => rmSync(clone, { recursive: true }));

function put(modules: string, name: string, text: string): void {
  mkdirSync(join(clone, modules, name), { recursive: true });
  writeFileSync(join(clone, modules, name, "which"), text);
}

function use(sdk: string): { readonly status: number | null; readonly told: string } {
  const script = join(clone, "toolchain", "use-sdk.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script, sdk], { encoding: "utf8" });
  return { status, told: stderr };
}

const inUse = () =>
  Object.fromEntries(packages.map((name) => [name, readFileSync(join(clone, "node_modules", name, "which"), "utf8")]));
const pinned = { "@pulumi/pulumi": "pinned", "@grpc/grpc-js": "pinned", zod: "pinned" };

describe("use-sdk.mjs", () => {
  it("takes the newest SDK with what this package shares with it, and gives the pinned one back", () => {
    for (const name of ["@pulumi/pulumi", "@grpc/grpc-js"]) put(".tools/newest-sdk/node_modules", name, "newest");
    for (const _ of ["once", "again"]) {
      expect(use("newest")).toEqual({ status: 0, told: "" });
      expect(inUse()).toEqual({ "@pulumi/pulumi": "newest", "@grpc/grpc-js": "newest", zod: "pinned" });
    }
    for (const _ of ["once", "again"]) {
      expect(use("pinned")).toEqual({ status: 0, told: "" });
      expect(inUse()).toEqual(pinned);
    }
  });

  it("changes nothing where the newest SDK is not installed, or nothing that it knows is asked for", () => {
    expect(use("newest")).toEqual({ status: 1, told: expect.stringContaining("npm run setup -- --tests") as string });
    expect(use("oldest").status).toBe(1);
    expect(inUse()).toEqual(pinned);
  });
});

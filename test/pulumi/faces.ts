/** One program, written for either face of the package: its dynamic resources, or its plugin's. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { toolsBin } from "../../toolchain/pulumi.js";
import { installPackage } from "./package.js";

export type Face = "dynamic" | "plugin";

/**
 * What a program begins with: the classes VnicProfile, VmInterface and VmPlacement, and `ref`, which makes of a profile what an
 * input takes. Those of the plugin are what a generated SDK comes to.
 */
export const classes: Readonly<Record<Face, string>> = {
  dynamic: `
import * as pulumi from "@pulumi/pulumi";
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const ref = (profile) => profile;
const providerPackage = "pulumi-nodejs";
`,
  plugin: `
import * as pulumi from "@pulumi/pulumi";
const resource = (kind, outputs) => class extends pulumi.CustomResource {
  constructor(name, args, opts) { super("vnic-failover:index:" + kind, name, { ...outputs, ...args }, opts); }
};
const VnicProfile = resource("VnicProfile", { name: undefined, differsOn: undefined });
const VmInterface = resource("VmInterface", { mac: undefined, host: undefined, vf: undefined, xml: undefined });
const VmPlacement = resource("VmPlacement", { lastMove: undefined, missing: undefined });
const ref = (profile) => profile.id;
const providerPackage = "vnic-failover";
`,
};

/** Puts the plugin into the folder. @returns the PATH on which the engine finds it. */
export async function installPlugin(folder: string): Promise<string> {
  await installPackage(folder);
  const executable = pluginIn(folder);
  const main = join(folder, "node_modules", "pulumi-vnic-failover", "dist", "pulumi", "plugin", "main.js");
  mkdirSync(dirname(executable));
  writeFileSync(executable, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(executable, 0o755);
  return [dirname(executable), toolsBin, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
}

/** The executable that {@link installPlugin} makes. */
export function pluginIn(folder: string): string {
  return join(folder, "bin", "pulumi-resource-vnic-failover");
}

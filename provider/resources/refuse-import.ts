import * as pulumi from "@pulumi/pulumi";
import type { Kind } from "../model/kind.js";

const instead: Readonly<Record<Kind, string>> = {
  VnicProfile: "Use adopt: true with its name and network",
  VmInterface: "Use adopt: true with its mac",
  VmPlacement: "Declare it without import: the VM is left where it is if it runs on that host",
};

/**
 * The SDK's dynamic provider would crash: an import gives it no properties, and the provider is one of them.
 * @throws RunError, of which the user sees the words alone.
 */
export function refuseImport(kind: Kind, name: string, opts: pulumi.CustomResourceOptions | undefined): void {
  if (opts?.import === undefined) return;
  throw new pulumi.RunError(
    `${kind} "${name}": a dynamic resource cannot be imported. ${instead[kind]}, or use the plugin, which imports by id.`,
  );
}

import * as pulumi from "@pulumi/pulumi";
import { CONFIG_NAMESPACE, plainSecret } from "../model/namespace.js";
import { configurationKeys } from "./provider-args.js";

let looked = false;

/**
 * Warns, once in a program, of secrets that stand in the stack's configuration in clear. Only the program is told which of its
 * configuration is encrypted; neither a dynamic provider's process nor a plugin is.
 */
export function warnOfPlainSecrets(): void {
  if (looked) return;
  looked = true;
  // The SDK has it, as its own Config does, and leaves it out of its types.
  const { isConfigSecret } = pulumi.runtime as { readonly isConfigSecret?: (key: string) => boolean };
  if (isConfigSecret === undefined) return;
  for (const [key, { secret }] of Object.entries(configurationKeys)) {
    if (!secret) continue;
    const name = `${CONFIG_NAMESPACE}:${key}`;
    if (pulumi.runtime.getConfig(name) !== undefined && !isConfigSecret(name)) void pulumi.log.warn(plainSecret(key));
  }
}

/** The provider's own inputs: the stack's configuration, or the arguments of an explicit provider. */
import { configKeys, requireValidConfiguration, unknownKeysAmong } from "../../config/index.js";
import type { CheckFailure, StackConfig } from "../../handlers/handler.js";
import { isWhollyKnown } from "../../model/unknown.js";
import { ProblemError } from "../../model/problem.js";
import { inClear } from "./wire.js";

type Values = Readonly<Record<string, unknown>>;

/**
 * The package's own keys as handlers want them: text, and JSON for objects.
 * Engine and SDKs send objects as JSON text, in which secrets are still wrapped (pulumi/pulumi: sdk/nodejs/runtime/rpc.ts).
 */
export function stackConfigOf(inputs: Values): StackConfig {
  const values = configKeys.map((key) => [key, plain(inputs[key])] as const);
  const unknownKeys = unknownKeysAmong(Object.keys(inputs));
  return {
    ...Object.fromEntries(values.filter(([, value]) => value !== undefined && value !== "")),
    ...(unknownKeys.length > 0 && { unknownKeys }),
  };
}

/** What is wrong with the configuration, naming properties and never their values. */
export function configurationFailures(inputs: Values): readonly CheckFailure[] {
  if (!isWhollyKnown(configKeys.map((key) => inputs[key]))) return [];
  try {
    requireValidConfiguration(stackConfigOf(inputs));
    return [];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return [{ property: "", reason: error.message }];
  }
}

function plain(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") return JSON.stringify(value);
  if (!value.startsWith("{")) return value;
  try {
    return JSON.stringify(inClear(JSON.parse(value)));
  } catch {
    // What is no JSON is for the configuration's schema to refuse.
    return value;
  }
}

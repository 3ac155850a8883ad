import { createHash } from "node:crypto";
import type { StackConfig } from "./handler.js";

/** Each is asked for a thousand times. */
const known = new WeakMap<StackConfig, string>();

/** Tells configurations apart without keeping their secrets. */
export function digestOf(config: StackConfig): string {
  const digest = known.get(config) ?? createHash("sha256").update(JSON.stringify(config)).digest("hex");
  known.set(config, digest);
  return digest;
}

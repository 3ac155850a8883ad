import { createHash } from "node:crypto";
import type { StackConfig } from "./handler.js";

/** Tells configurations apart without keeping their secrets. */
export function digestOf(config: StackConfig): string {
  return createHash("sha256").update(JSON.stringify(config)).digest("hex");
}

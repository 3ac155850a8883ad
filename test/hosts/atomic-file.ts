/** Files that are there whole or not at all, for their owner alone. */
import { renameSync, writeFileSync } from "node:fs";

/** Written aside and then renamed, so that a reader never sees half of it. */
export function writeWhole(path: string, text: string): void {
  const aside = `${path}.${process.pid}.part`;
  writeFileSync(aside, text, { mode: 0o600 });
  renameSync(aside, path);
}

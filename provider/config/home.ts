import { homedir } from "node:os";
import { join } from "node:path";

/** `~/` at the beginning of a path stands for the user's home directory. */
export function expandHome(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}

/** The text that stands before the programs that set something for a VF on a host. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const vfLink = readFileSync(join(__dirname, "vf-link.py"), "utf8");

/** Before the unit tests and after them: the folder that quick-start.ts keeps compiled code in, which all workers fill and use. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "./package.js";

const NAME = "quick-start";
/** Names the folder, to workers and to what they start. */
const VARIABLE = "VNIC_COMPILED_CODE";

export default function setUp(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-compiled-"));
  const source = readFileSync(join(import.meta.dirname, `${NAME}.ts`), "utf8");
  writeFileSync(join(folder, `${NAME}.js`), compile(source, `${NAME}.ts`));
  process.env[VARIABLE] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}

/** The environment in which Node.js starts so, and Pulumi's commands end before they collect garbage; empty outside of unit tests. */
export function quickStart(): Record<string, string> {
  const folder = process.env[VARIABLE];
  if (folder === undefined) return {};
  const others = process.env["NODE_OPTIONS"] ?? "";
  const options = `${others} --require "${join(folder, `${NAME}.js`)}"`.trim();
  return { [VARIABLE]: folder, NODE_OPTIONS: options, GOGC: "off", GOMEMLIMIT: "512MiB" };
}

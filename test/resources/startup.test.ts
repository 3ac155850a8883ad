/** What a program waits for when it imports the package: each `pulumi` command pays it again. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";

test(
  "a program that declares resources loads neither the descriptions' schemas nor what talks to hosts",
  { timeout: 120_000 },
  () => {
    const script = `
    require("./provider/index.ts");
    const loaded = Object.keys(require.cache);
    console.log(JSON.stringify(loaded.filter((path) => /node_modules.(zod|ssh2|yaml|fast-xml-parser)./.test(path))));
  `;
    const output = execFileSync(process.execPath, ["--import", "tsx", "-e", script], { cwd: root, encoding: "utf8" });
    expect(JSON.parse(output)).toEqual([]);
  },
);

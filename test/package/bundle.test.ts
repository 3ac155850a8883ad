/** What the build puts together: which code is loaded when, and whose it is. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { bundle, entries, notices, packagesIn } from "../../toolchain/bundle.mjs";
import { root } from "../../toolchain/pulumi.js";

const Manifest = z.object({ name: z.string(), version: z.string() });
let built: Awaited<ReturnType<typeof bundle>>;
beforeAll(async () => {
  built = await bundle();
}, 120_000);

/** The sources of what is loaded at once with the file of an entry. */
function loadedWith(entry: string): readonly string[] {
  const { outputs } = built.metafile;
  const files = new Set([`${entry}.js`]);
  for (const file of files)
    for (const { path, kind, external } of outputs[file]?.imports ?? [])
      if (kind === "import-statement" && external !== true) files.add(path);
  return [...files].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
}

/** The names of the packages among sources. */
const packagesAmong = (sources: readonly string[]): readonly string[] => [
  ...new Set(sources.flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? [])),
];

describe("at once is loaded", () => {
  test("with a program's import: nothing that talks to hosts, and no library", () => {
    const sources = loadedWith("index");
    expect(sources).toContain("provider/resources/vm-interface.ts");
    expect(packagesAmong(sources)).toEqual([]);
    expect(sources.filter((source) => /^provider\/(backends|handlers|migration|rules)\//.test(source))).toEqual([]);
  });

  test("with the command line: what its help needs", () => {
    const sources = loadedWith("cli/main");
    expect(sources).toContain("provider/cli/program.ts");
    expect(packagesAmong(sources)).toEqual(["commander", "zod"]);
    expect(sources.filter((source) => /^provider\/(backends|handlers|rules|drain|xml|config)\//.test(source))).toEqual(
      [],
    );
  });

  test.each(["pulumi/dynamic/index", "pulumi/plugin/main"])(
    "with %s: neither SSH nor YAML nor what writes XML",
    (entry) => {
      const packages = packagesAmong(loadedWith(entry));
      expect(packages).toContain("zod");
      expect(packages).toContain("fast-xml-parser");
      expect(packages).not.toContain("ssh2");
      expect(packages).not.toContain("yaml");
      expect(packages).not.toContain("xmlbuilder2");
    },
  );

  test("with the first document that is written: what writes XML, from a file beside the one that loads it", () => {
    const { inputs } = built.metafile.outputs["chunks/xmlbuilder2.js"] ?? expect.fail("the writer has no file");
    expect(packagesAmong(Object.keys(inputs))).toContain("xmlbuilder2");
    const loaders = [...built.files].filter(([, text]) => text.includes('require("./xmlbuilder2.js")'));
    expect(loaders.map(([name]) => dirname(name))).toEqual(["chunks"]);
  });
});

describe("in the package is", () => {
  test("of zod's languages English alone", () => {
    const sources = Object.values(built.metafile.outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([source, { bytesInOutput }]) => (bytesInOutput > 0 ? source : [])),
    );
    const languages = sources.filter((source) => /node_modules\/zod\/.*\/locales\//.test(source));
    expect(languages.map((source) => source.replace(/.*\//, ""))).toEqual(["en.js"]);
  });

  test("each of our classes under its name", () => {
    const named = [...built.files.values()].flatMap(
      (text) => text.match(/\bclass _?(VmInterface|ConfigError|LibvirtError|SshSession)\b/g) ?? [],
    );
    expect(named.sort()).toEqual(["class ConfigError", "class LibvirtError", "class SshSession", "class VmInterface"]);
  });

  test("no native part, and no file but by its text", () => {
    const ours = [...built.files.values()].filter((text) => text.includes("remotePython"));
    expect(ours.length).toBeGreaterThan(0);
    for (const text of ours) expect(text).not.toContain('announcer.py"');
    expect([...built.files.values()].filter((text) => text.includes("cpu-features is not bundled."))).toHaveLength(1);
  });

  test("the licence of each package whose code is in there", () => {
    const packages = packagesIn(built.metafile);
    expect(packages).toEqual(expect.arrayContaining(["node_modules/ssh2", "node_modules/zod"]));
    const text = notices(packages);
    for (const folder of packages) {
      const { name, version } = Manifest.parse(JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")));
      expect(text).toMatch(new RegExp(`^${name} ${version} \\((MIT|ISC|Unlicense|Apache|BSD|\\().*\\)$`, "m"));
    }
    expect(text).toContain("Copyright Brian White. All rights reserved.");
  });
});

describe("an error", () => {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-bundle-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("tells with --debug in which functions it arose", () => {
    for (const [name, text] of built.files) {
      const file = join(folder, "dist", name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    writeFileSync(join(folder, "cluster.json"), "{}");
    const command = [join(folder, "dist", "cli", "main.js"), "status", "--config", join(folder, "cluster.json")];
    const told = (...more: string[]) => {
      try {
        execFileSync(process.execPath, [...command, ...more], { stdio: "pipe", encoding: "utf8" });
      } catch (error) {
        return (error as { readonly stderr: string }).stderr;
      }
      return expect.fail("it did not fail");
    };
    expect(told()).not.toContain("    at ");
    expect(told("--debug")).toMatch(/\n {4}at ofFile \(.*chunks.*\n {4}at async invoke \(/);
  });
});

test("each entry is what package.json offers", () => {
  const manifest = readFileSync(join(root, "package.json"), "utf8");
  for (const entry of Object.keys(entries)) expect(manifest).toContain(`"./dist/${entry}.js"`);
});

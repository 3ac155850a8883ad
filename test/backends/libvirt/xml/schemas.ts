/**
 * libvirt's own schemas and the program that checks against them: those of this machine, else those of Debian's packages,
 * which the setup unpacks into `.tools` and does not install.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, hasApt, unpackPackage } from "../../../../toolchain/debian.js";
import { toolsFolder } from "../../../../toolchain/pulumi.js";
import { need, type Requirement } from "../../../../toolchain/requirement.js";

const schemasInPackage = join("usr", "share", "libvirt", "schemas");
const unpackedSchemas = join(toolsFolder, "libvirt-schemas");
const unpackedXmllint = join(toolsFolder, "xmllint");
const withoutApt = () => (hasApt() ? undefined : "it is unpacked from a Debian package, and there is no apt-get");

export const schemaFiles: Requirement = {
  name: "libvirt's schemas",
  purpose: "the XML that is written for libvirt",
  neededBy: "tests",
  find: () =>
    ["/", unpackedSchemas]
      .map((root) => join(root, schemasInPackage))
      .find((folder) => existsSync(join(folder, "domain.rng"))),
  // They moved from libvirt0 to libvirt-common in Debian 13.
  make: () => unpackPackage(["libvirt-common", "libvirt0"], unpackedSchemas),
  obstacle: withoutApt,
};

export const xmllint: Requirement = {
  name: "xmllint",
  purpose: "checks by libvirt's schemas",
  neededBy: "tests",
  find: () => xmllints().find(runs)?.path,
  make: () => unpackPackage(["libxml2-utils"], unpackedXmllint, { dependencies: true }),
  obstacle: withoutApt,
};

/** Those documents that the schema refuses. @throws ProblemError when the schemas or xmllint are missing. */
export function invalid(schema: "domain" | "network", documents: readonly string[]): readonly string[] {
  const file = join(need(schemaFiles), `${schema}.rng`);
  const path = need(xmllint);
  const program = xmllints().find((candidate) => candidate.path === path) ?? { path, env: process.env };
  return validate(program, file, documents);
}

interface Program {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

function xmllints(): readonly Program[] {
  const installed = findProgram("xmllint");
  const libraries = join(unpackedXmllint, "usr", "lib");
  const folders = existsSync(libraries) ? readdirSync(libraries).map((folder) => join(libraries, folder)) : [];
  return [
    ...(installed === undefined ? [] : [{ path: installed, env: process.env }]),
    {
      path: join(unpackedXmllint, "usr", "bin", "xmllint"),
      env: { ...process.env, LD_LIBRARY_PATH: folders.join(":") },
    },
  ];
}

function runs({ path, env }: Program): boolean {
  return spawnSync(path, ["--version"], { env, stdio: "ignore" }).status === 0;
}
function validate({ path, env }: Program, schema: string, documents: readonly string[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), "schemas-"));
  try {
    const files = documents.map((document, n) => {
      const file = join(folder, `${n}.xml`);
      writeFileSync(file, document);
      return file;
    });
    const { status, stderr } = spawnSync(path, ["--nonet", "--noout", "--relaxng", schema, ...files], {
      env,
      encoding: "utf8",
    });
    // 3 is "Error in validation"; any other failure is no verdict.
    if (status !== 0 && status !== 3 && status !== 4) throw new Error(`Unable to validate with ${schema}: ${stderr}`);
    const verdicts = stderr.split("\n").filter((line) => / (validates|fails to validate)$/.test(line));
    if (verdicts.length !== documents.length) throw new Error(`Unable to validate with ${schema}: ${stderr}`);
    return verdicts.flatMap((line, n) => (line.endsWith(" validates") ? [] : [documents[n] ?? ""]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

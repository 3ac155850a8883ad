/**
 * libvirt's own schemas and the program that checks against them: those of this machine, else those of Debian's packages,
 * unpacked into a cache folder and not installed.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

export interface Schemas {
  /** The folder of `domain.rng` and `network.rng`. */
  readonly folder: string;
  /** Those documents that the schema refuses. */
  readonly invalid: (schema: "domain" | "network", documents: readonly string[]) => readonly string[];
}

/** Finds or fetches them. @throws Error that says what is missing and could not be had. */
export function schemas(): Schemas {
  const folder = schemaFolder();
  const xmllint = validator();
  return { folder, invalid: (schema, documents) => validate(xmllint, join(folder, `${schema}.rng`), documents) };
}

interface Program {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "pulumi-vnic-failover", "schemas");
const schemasInPackage = join("usr", "share", "libvirt", "schemas");

function schemaFolder(): string {
  const installed = join("/", schemasInPackage);
  if (existsSync(join(installed, "domain.rng"))) return installed;
  // They moved from libvirt0 to libvirt-common in Debian 13.
  const packages = () => ["libvirt-common", "libvirt0"].filter(isKnown).slice(0, 1);
  const folder = join(unpacked("libvirt", packages), schemasInPackage);
  if (!existsSync(join(folder, "domain.rng"))) throw new Error(`Unable to find libvirt's schemas in ${folder}`);
  return folder;
}

function validator(): Program {
  if (runs({ path: "xmllint", env: process.env })) return { path: "xmllint", env: process.env };
  const root = unpacked("xmllint", () => (isKnown("libxml2-utils") ? missingFor("libxml2-utils") : []));
  const libraries = join(root, "usr", "lib");
  const folders = existsSync(libraries) ? readdirSync(libraries).map((folder) => join(libraries, folder)) : [];
  const program = {
    path: join(root, "usr", "bin", "xmllint"),
    env: { ...process.env, LD_LIBRARY_PATH: folders.join(":") },
  };
  if (!runs(program)) throw new Error(`Unable to run ${program.path}`);
  return program;
}

function runs({ path, env }: Program): boolean {
  return spawnSync(path, ["--version"], { env, stdio: "ignore" }).status === 0;
}

/** Whether apt can get the package; where it knows no packages at all yet, root has it look. */
function isKnown(name: string): boolean {
  const known = () => spawnSync("apt-cache", ["show", "--no-all-versions", name], { stdio: "ignore" }).status === 0;
  if (known()) return true;
  if (spawnSync("apt-cache", ["show", "libc6"], { stdio: "ignore" }).status === 0 || process.getuid?.() !== 0)
    return false;
  return spawnSync("apt-get", ["update"], { stdio: "ignore" }).status === 0 && known();
}

/** The package and what apt would install with it on this machine. */
function missingFor(name: string): readonly string[] {
  const plan = execFileSync("apt-get", ["install", "--simulate", "--no-install-recommends", name], {
    encoding: "utf8",
  });
  const names = plan.split("\n").flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? []);
  return names.filter((found) => !found.endsWith("-dev"));
}

/** Unpacks packages into a folder of the cache, once. */
function unpacked(folder: string, packages: () => readonly string[]): string {
  const target = join(cache, folder);
  if (existsSync(target)) return target;
  const names = packages();
  if (names.length === 0) throw new Error(`Unable to get ${folder}: apt knows no Debian package that has it`);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(`${target}-`);
  try {
    execFileSync("apt-get", ["download", ...names], { cwd: work, stdio: ["ignore", "ignore", "pipe"] });
    const archives = readdirSync(work).filter((file) => file.endsWith(".deb"));
    const root = join(work, "root");
    for (const archive of archives) execFileSync("dpkg-deb", ["--extract", archive, root], { cwd: work });
    // Whole or not at all; someone else may have been faster.
    if (!existsSync(target)) renameSync(root, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
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

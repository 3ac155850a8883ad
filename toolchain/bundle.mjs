// Makes of the sources what Node.js loads: one file for each entry, and chunks for what several of them share or load only when it is
// needed. The libraries are in there; Pulumi's SDK, of which a program has one copy, is not.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build, transform } from "esbuild";

const root = join(import.meta.dirname, "..");

/** What the package offers: by the path in dist/, without its ending, the module. */
export const entries = {
  index: "provider/index.ts",
  "pulumi/dynamic/index": "provider/pulumi/dynamic/index.ts",
  "pulumi/plugin/main": "provider/pulumi/plugin/main.ts",
  "cli/main": "provider/cli/main.ts",
};

/** The lowest Node.js of `engines`. */
const target = "node20";

/** Most of what would be parsed to read hosts, and needed only to write to one: a file of its own, which `require` loads then. */
const xmlWriter = "xmlbuilder2";

/**
 * @param {Readonly<Record<string, string>>} modules entries by the path of their file, without its ending.
 * @returns {Promise<{ files: Map<string, string>, metafile: import("esbuild").Metafile }>} the files' texts by their paths.
 */
export async function bundle(modules = entries) {
  const [ours, writer] = await Promise.all([
    // Chunks are a matter of ES modules; each file is then made the CommonJS that `require` takes in every Node.js.
    build({
      ...options,
      entryPoints: entryPoints(modules),
      chunkNames: "chunks/[name]-[hash]",
      splitting: true,
      format: "esm",
    }),
    build({ ...options, entryPoints: entryPoints({ [`chunks/${xmlWriter}`]: xmlWriter }), format: "cjs" }),
  ]);
  const files = ours.outputFiles.map(async ({ path, text }) => {
    // A lazy chunk is `require`d when it is needed.
    const supported = { "dynamic-import": false };
    const { code } = await transform(text, { format: "cjs", platform: "node", target, supported });
    const name = relative(root, path);
    // esbuild's stand-in for the `require` that ES modules have not would look beside the file that it is in.
    const direct = code.replaceAll(/\(0, \w+\.__require\)/g, "require");
    if (direct.includes(`require("./${xmlWriter}.js")`) && dirname(name) !== "chunks")
      throw new Error(`${name} does not lie beside ${xmlWriter}.js, which it loads.`);
    return /** @type {const} */ ([name, withClassNames(direct)]);
  });
  const others = writer.outputFiles.map(({ path, text }) => /** @type {const} */ ([relative(root, path), text]));
  const outputs = { ...ours.metafile.outputs, ...writer.metafile.outputs };
  return { files: new Map([...(await Promise.all(files)), ...others]), metafile: { ...ours.metafile, outputs } };
}

/** @param {Readonly<Record<string, string>>} modules */
function entryPoints(modules) {
  return Object.entries(modules).map(([name, module]) => ({ in: module, out: name }));
}

/**
 * A class that speaks of itself is called `_VmInterface` by esbuild: policy packs and stacks ask for its name. Its option that keeps
 * names does so by a call for each function, however often that is made.
 * @param {string} code
 */
function withClassNames(code) {
  const renamed = new Set(Array.from(code.matchAll(/\b(\w+) = class _\1\b/g), ([, name]) => name));
  return code.replaceAll(/(?<![\w$.])_(\w+)\b/g, (found, name) =>
    renamed.has(name) && classes.has(name) ? name : found,
  );
}

/** The names of our own classes, as they are read. */
const classes = new Set();

/** A program has one copy of the SDK: ours would log and configure past it. What the plugin takes of its protocol is put in. */
const oneSdk = {
  name: "one SDK",
  /** @param {import("esbuild").PluginBuild} context */
  setup({ onResolve }) {
    onResolve({ filter: /^@pulumi\/pulumi$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** Files that our modules read from beside them when they are loaded are put in as text. */
const filesInTheText = {
  name: "files in the text",
  /** @param {import("esbuild").PluginBuild} context */
  setup({ onLoad }) {
    onLoad({ filter: /\/provider\/.*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      for (const [, name] of source.matchAll(/\bclass (\w+)/g)) classes.add(name);
      const contents = source.replaceAll(/readFileSync\(join\(__dirname, ([^)]*)\), "utf8"\)/g, (_, names) => {
        const file = join(dirname(path), ...JSON.parse(`[${names}]`));
        return JSON.stringify(readFileSync(file, "utf8"));
      });
      if (contents.includes("__dirname"))
        throw new Error(`${path} looks for a file beside it in a way that bundle.mjs does not know.`);
      // In a package of CommonJS esbuild takes a module that exports nothing for one, and wraps all that it imports.
      return { contents: `${contents}\nexport {};\n`, loader: "ts" };
    });
  },
};

const writerApart = {
  name: "XML writer apart",
  /** @param {import("esbuild").PluginBuild} context */
  setup({ onResolve }) {
    const filter = new RegExp(`^${xmlWriter}$`);
    onResolve({ filter }, ({ kind }) =>
      kind === "require-call" ? { path: `./${xmlWriter}.js`, external: true } : undefined,
    );
  },
};

/**
 * ssh2 does without its native parts, which are another file on each machine, and xmlbuilder2 without YAML, which it can write
 * as well.
 */
const withoutUnusedParts = {
  name: "without unused parts",
  /** @param {import("esbuild").PluginBuild} context */
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path }) => ({ path, namespace: "missing" }));
    onLoad({ filter: /.*/, namespace: "missing" }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not bundled.`)});`,
    }));
    onResolve({ filter: /^js-yaml$/ }, ({ path }) => ({ path, namespace: "empty" }));
    onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "" }));
  },
};

/** @satisfies {import("esbuild").BuildOptions} */
const options = /** @type {const} */ ({
  absWorkingDir: root,
  outdir: ".",
  bundle: true,
  platform: "node",
  target,
  // Names and lines stay as they are: the stack of an error is to be read.
  legalComments: "none",
  write: false,
  metafile: true,
  logLevel: "warning",
  plugins: [oneSdk, filesInTheText, writerApart, withoutUnusedParts],
});

/**
 * @param {import("esbuild").Metafile} metafile
 * @returns {readonly string[]} the folders, from the repository's root on, of the npm packages whose code is in the files.
 */
export function packagesIn({ outputs }) {
  const sources = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const folders = sources.flatMap((source) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/**
 * The licences of npm packages, each with the package's name and version.
 * @param {readonly string[]} folders as {@link packagesIn} has them.
 */
export function notices(folders) {
  const parts = folders.map((folder) => {
    const manifest = readFileSync(join(root, folder, "package.json"), "utf8");
    // Older manifests have a list of licences.
    const { name, version, licenses, license = licenses?.[0]?.type, author, homepage } = JSON.parse(manifest);
    const papers = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
    const texts = papers.sort().map((file) => readFileSync(join(root, folder, file), "utf8").trim());
    if (typeof license !== "string") throw new Error(`${folder} names no licence.`);
    const by = [typeof author === "object" ? author.name : author, homepage].filter(Boolean);
    return [`${name} ${version} (${license})`, ...by, "", ...texts].join("\n").trim();
  });
  const rule = "-".repeat(80);
  const head = "This package contains code of the packages below, each under its own licence.";
  return `${[head, ...parts].join(`\n\n${rule}\n\n`)}\n`;
}

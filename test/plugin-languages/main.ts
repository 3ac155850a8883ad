/**
 * `npm run languages`: the plugin's SDKs are generated and compiled, and the programs of examples/plugin are run, each in
 * each language whose host is there (`npm run setup -- --languages python,yaml,go`).
 * `-- --config FILE --vm web --from host1 --to host2`: on the hosts of a cluster's file, as the command line reads it.
 * Without, on hosts in this process. Where the cluster's network has no way out, as the lab's: once without, which fetches Go's
 * modules, then with `GOPROXY=off GOFLAGS=-mod=mod`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { readConfiguration } from "../../provider/cli/configuration.js";
import { findOnPath, pulumiEnvironment } from "../../toolchain/pulumi.js";
import { twoHosts } from "../hosts/two-hosts.js";
import { languages } from "./programs.js";
import { generated, makePlugin, makeSdk, type Generated } from "./sdks.js";
import { live, type Setting } from "./story.js";

const { values: options } = parseArgs({
  options: {
    languages: { type: "string", default: Object.keys(languages).join() },
    config: { type: "string" },
    vm: { type: "string", default: "web" },
    from: { type: "string", default: "host1" },
    to: { type: "string", default: "host2" },
  },
});

const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-languages-"));
const failures: string[] = [];
try {
  const backendDir = join(scratch, "backend");
  mkdirSync(backendDir);
  const passphraseFile = join(scratch, "passphrase");
  writeFileSync(passphraseFile, "correct horse battery staple");
  const env = pulumiEnvironment({ projectHome: join(scratch, "home"), backendDir, passphraseFile });
  const plugin = await makePlugin(scratch, env);
  console.log("schema: ok");
  const chosen = options.languages.split(",").map((name) => {
    const language = languages[name];
    if (language === undefined) throw new Error(`There is no ${name} among ${Object.keys(languages).join(", ")}.`);
    return { name, language };
  });
  const sdks = new Map<Generated, string>();
  for (const language of generated.filter((sdk) => chosen.some((one) => one.language.sdk === sdk))) {
    await attempt(`SDK for ${language}`, async () => {
      sdks.set(language, await makeSdk(language, plugin, scratch));
    });
  }

  for (const { name, language } of chosen) {
    if (findOnPath(`pulumi-language-${language.host}`, env["PATH"] ?? "") === undefined) {
      console.log(`${name}: not run, there is no pulumi-language-${language.host} on PATH`);
      continue;
    }
    const sdk = language.sdk === undefined ? "" : sdks.get(language.sdk);
    if (sdk === undefined) continue;
    await attempt(`program in ${name}`, async () => {
      const { setting, close } = await hosts();
      const project = join(scratch, name);
      mkdirSync(project);
      try {
        await live(project, language, sdk, setting, { PATH: [plugin.bin, env["PATH"] ?? ""].join(delimiter) });
      } finally {
        await close();
      }
    });
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (failures.length > 0) {
  console.error(`Not well: ${failures.join(", ")}`);
  process.exitCode = 1;
}

async function attempt(what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
    console.log(`${what}: ok`);
  } catch (error) {
    console.error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    failures.push(what);
  }
}

/** Those of the file, or two in this process that nothing was done on yet. */
async function hosts(): Promise<{ setting: Setting; close: () => Promise<void> }> {
  const { vm, from, to } = options;
  if (options.config !== undefined) {
    const configuration = await readConfiguration({ config: options.config });
    if ("engine" in configuration) throw new Error(`${options.config} has an oVirt engine, and no cluster`);
    return { setting: { cluster: configuration.cluster, vm, from, to }, close: () => Promise.resolve() };
  }
  const lab = await twoHosts();
  return { setting: { cluster: lab.configuration.cluster, vm, from, to }, close: () => lab.close() };
}

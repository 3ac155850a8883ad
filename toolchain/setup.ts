/**
 * `npm run setup`: builds the package and gets the Pulumi CLI here. What is there already is kept: a second run takes seconds.
 *   --tests                       also what `npm test` needs; as root on Debian all of it
 *   --languages python,yaml,go    also what Pulumi's engine needs to run programs in them
 *   --check                       changes nothing: says what is there, what would be installed (with --tests) and what
 *                                 cannot be. The exit status is 0 where nothing is missing, else 1.
 * What is made goes into `.tools`; only Debian's packages go elsewhere.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { testRequirements } from "../test/requirements.js";
import { describePlan, install, plan, type Unmet } from "./installation.js";
import { parseLanguages, setUpLanguage } from "./languages.js";
import { root } from "./pulumi.js";
import { linkLauncher, pulumiCli } from "./pulumi-cli.js";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      languages: { type: "string" },
      tests: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
    },
  });
  const languages = values.languages === undefined ? [] : parseLanguages(values.languages);
  if (values.check) return check();

  const build = spawnSync(process.execPath, [join(root, "toolchain", "build.mjs")], { stdio: "inherit" });
  if (build.status !== 0) return 1;
  linkLauncher();
  // Side by side: the one is compiled for minutes, the others are mostly downloaded and unpacked.
  const wanted = values.tests ? [[pulumiCli], testRequirements] : [[pulumiCli]];
  const unmet = (await Promise.all(wanted.map((requirements) => install(requirements, console.error)))).flat();
  for (const line of unmet.map(describeUnmet)) console.error(line);
  const pulumi = pulumiCli.find();
  if (pulumi === undefined) return 1;
  console.log(`Pulumi: ${pulumi}`);
  for (const language of languages) console.log(`${language}: ${await setUpLanguage(language, pulumi)}`);
  // Where the lab cannot run, its tests are skipped, with the reason: that is no failure of the setup.
  return unmet.some(({ requirement }) => requirement.neededBy !== "lab") ? 1 : 0;
}

function check(): number {
  const planned = plan([pulumiCli, ...testRequirements]);
  console.log(describePlan(planned));
  return planned.every(({ plan: { kind } }) => kind === "there") ? 0 : 1;
}

function describeUnmet({ requirement: { name, purpose }, reason }: Unmet): string {
  return `Unable to install ${name}, which is for ${purpose}: ${reason}`;
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);

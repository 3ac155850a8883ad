/** Where the command line gets the cluster's configuration from: the stack's own config, or a file. */
import { execFile } from "node:child_process";
import { z } from "zod";
import {
  CONFIG_NAMESPACE,
  ConfigError,
  configKeys,
  parseConfiguration,
  unknownKeysAmong,
  type ConfigKey,
  type Configuration,
  type ConfigValues,
} from "../config.js";
import { sentence, type Mistake } from "../config/mistake.js";
import { withLines } from "../config/stack-file.js";
import { YamlFile } from "../config/yaml-file.js";
import { nearest } from "../suggestion.js";

export interface ConfigurationSource {
  /** A JSON or YAML file. Without it the stack's config is read. */
  readonly config?: string | undefined;
  /** Default: the stack that `pulumi stack select` has chosen. */
  readonly stack?: string | undefined;
  /** The folder of the Pulumi project. Default: where the command runs. */
  readonly cwd?: string | undefined;
}

/** Secrets that a file cannot give: it would have to hold them in clear text. */
const secretVariables = {
  sshPassword: "VNIC_FAILOVER_SSH_PASSWORD",
  sshPassphrase: "VNIC_FAILOVER_SSH_PASSPHRASE",
} as const satisfies Partial<Record<ConfigKey, string>>;

/**
 * Reads and checks the configuration. Secrets come from the stack or the environment and stay in memory.
 * @throws ConfigError
 */
export async function readConfiguration(
  source: ConfigurationSource,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Configuration> {
  const secrets = Object.fromEntries(
    Object.entries(secretVariables)
      .map(([key, variable]) => [key, environment[variable]] as const)
      .filter(([, value]) => value !== undefined && value !== ""),
  );
  return source.config === undefined ? ofStack(source, secrets, environment) : ofFile(source.config, secrets);
}

// --- a file

/** Where a file may have the cluster: as `Pulumi.<stack>.yaml` has it, below `cluster`, or alone. */
const placesInFile = [["config", `${CONFIG_NAMESPACE}:cluster`], ["cluster"], []];

async function ofFile(name: string, secrets: ConfigValues): Promise<Configuration> {
  const file = await YamlFile.read(name);
  const place =
    placesInFile.find((path) => file.keysAt(path)?.includes("hosts") === true) ??
    // Mistyped, it is a mistake in the cluster, and not its absence.
    placesInFile.find((path) => file.keysAt(path)?.some((key) => nearest(key, ["hosts"]) !== undefined) === true);
  if (place === undefined) {
    throw new ConfigError({
      code: "config-missing",
      what: "Unable to find the cluster in the file: neither the file itself, nor its `cluster`, nor its `config: vnic-failover:cluster` has `hosts`",
      where: name,
      remedy: "Write the cluster's hosts and networks there; docs/configuration.md has an example.",
    });
  }
  const [ofStacks] = placesInFile;
  const unknownKeys = place === ofStacks ? unknownKeysAmong(ownKeys(file.keysAt(["config"]))) : [];
  try {
    return parseConfiguration({ cluster: file.at(place), unknownKeys, ...secrets });
  } catch (error) {
    if (!(error instanceof ConfigError) || error.mistakes.length === 0) throw error;
    const tell = (mistake: Mistake) => {
      const { path, key } = mistake;
      const [top = "", ...rest] = path;
      const inFile = top === `${CONFIG_NAMESPACE}:cluster` ? [...place, ...rest] : ["config", ...path];
      // A secret stands in the environment.
      const line = file.lineOf([...inFile, ...(key === undefined ? [] : [key])]);
      const isSecret = Object.keys(secrets).some((secret) => top === `${CONFIG_NAMESPACE}:${secret}`);
      const text = sentence({ ...mistake, path: isSecret ? path : inFile });
      return line === undefined || isSecret ? text : `${name}:${line}: ${text}`;
    };
    throw ConfigError.of(error.mistakes, {
      source: "the configuration",
      where: name,
      tell,
      remedy: `Correct ${error.mistakes.length > 1 ? "them" : "it"} in that file.`,
    });
  }
}

/** The package's own among a configuration's keys, without their namespace. */
function ownKeys(keys: readonly string[] = []): readonly string[] {
  const prefix = `${CONFIG_NAMESPACE}:`;
  return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}

// --- the stack

/** `pulumi config --json`: each value as text, and objects as such too (pulumi: pkg/cmd/pulumi/config). */
const stackConfig = z.record(
  z.string(),
  z.looseObject({ value: z.string().optional(), objectValue: z.unknown().optional() }),
);

async function ofStack(
  source: ConfigurationSource,
  secrets: ConfigValues,
  environment: NodeJS.ProcessEnv,
): Promise<Configuration> {
  const values = await stackValues(source, environment);
  try {
    return parseConfiguration({ ...values, ...secrets });
  } catch (error) {
    if (!(error instanceof ConfigError) || error.mistakes.length === 0) throw error;
    const stack = source.stack ?? (await selectedStack(source, environment));
    throw stack === undefined ? error : await withLines(error, stack, source.cwd ?? process.cwd());
  }
}

async function stackValues(source: ConfigurationSource, environment: NodeJS.ProcessEnv): Promise<ConfigValues> {
  const stack = source.stack === undefined ? [] : ["--stack", source.stack];
  const printed = await pulumi(
    ["config", "--show-secrets", "--json", "--non-interactive", ...stack],
    source,
    environment,
  );
  const parsed = stackConfig.safeParse(jsonOf(printed));
  if (!parsed.success) {
    // What is in there may be secret: not a word of it.
    throw new ConfigError({
      code: "config-unreadable",
      what: "Unable to understand what `pulumi config --json` printed",
      remedy: "Use the Pulumi CLI 3.x, or name a file with --config.",
    });
  }
  const values = configKeys.flatMap((key) => {
    const entry = parsed.data[`${CONFIG_NAMESPACE}:${key}`];
    const value = entry?.objectValue ?? entry?.value;
    return value === undefined ? [] : [[key, value] as const];
  });
  return { ...Object.fromEntries(values), unknownKeys: unknownKeysAmong(ownKeys(Object.keys(parsed.data))) };
}

/** Undefined: Pulumi does not say. */
async function selectedStack(source: ConfigurationSource, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const printed = await pulumi(["stack", "--show-name", "--non-interactive"], source, environment).catch(() => "");
  return printed.trim() === "" ? undefined : printed.trim();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Its message would quote the text.
    return undefined;
  }
}

/** What the Pulumi CLI prints. It is asked, not imitated: only it knows the backend and its secrets. */
function pulumi(
  command: readonly string[],
  { cwd }: ConfigurationSource,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const args = [...command, ...(cwd === undefined ? [] : ["--cwd", cwd])];
  return new Promise((resolve, reject) => {
    const child = execFile(
      "pulumi",
      args,
      { env: { ...environment, PULUMI_SKIP_UPDATE_CHECK: "true" }, maxBuffer: 16 * 2 ** 20 },
      (error, stdout, stderr) => {
        // Neither execFile's message, which repeats the output, nor the output itself: only what pulumi says is wrong.
        if (error === null) resolve(stdout);
        else
          reject(stackUnreadable(error.code === "ENOENT" ? "there is no `pulumi` on the PATH" : complaintIn(stderr)));
      },
    );
    child.stdin?.end();
  });
}

function complaintIn(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const complaint = lines.find((line) => line.startsWith("error:"))?.slice("error:".length) ?? lines.find(Boolean);
  return complaint?.trim() ?? "pulumi gave no reason";
}

function stackUnreadable(why: string): ConfigError {
  return new ConfigError({
    code: "config-missing",
    what: `Unable to read the stack's configuration: ${why}`,
    remedy:
      "Run it in the Pulumi project's folder or name that with --cwd, and the stack with --stack; or name a file that has the cluster with --config.",
  });
}

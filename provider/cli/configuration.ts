/** Where the command line gets the cluster's configuration from: the stack's own config, or a file. */
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import * as z from "zod";
import {
  backendOf,
  CONFIG_NAMESPACE,
  ConfigError,
  configKeys,
  parseConfiguration,
  parseEngineConfiguration,
  unknownKeysAmong,
  type Backend,
  type ConfigKey,
  type Configuration,
  type ConfigValues,
} from "../config/index.js";
import { sentence, type Mistake } from "../model/mistake.js";
import { withLines } from "../config/stack-file.js";
import { YamlFile } from "../config/yaml-file.js";
import type { StackConfig } from "../handlers/handler.js";
import { nearest } from "../model/suggestion.js";

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
  hostCredentials: "VNIC_FAILOVER_HOST_CREDENTIALS",
  ovirtPassword: "VNIC_FAILOVER_OVIRT_PASSWORD",
  ovirtToken: "VNIC_FAILOVER_OVIRT_TOKEN",
} as const satisfies Partial<Record<ConfigKey, string>>;

/** Of the backend that it names: hosts with libvirt, or an oVirt engine, as its handlers take it. */
export type CommandConfiguration = Configuration | { readonly engine: StackConfig };

/**
 * Reads and checks the configuration. Secrets come from the stack or the environment and stay in memory.
 * @throws ConfigError
 */
export async function readConfiguration(
  source: ConfigurationSource,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<CommandConfiguration> {
  const secrets = Object.fromEntries(
    Object.entries(secretVariables)
      .map(([key, variable]) => [key, environment[variable]] as const)
      .filter(([, value]) => value !== undefined && value !== ""),
  );
  return source.config === undefined ? ofStack(source, secrets, environment) : ofFile(source.config, secrets);
}

/** @throws ConfigError */
function parsed(values: ConfigValues): CommandConfiguration {
  if (backendOf(values) === "libvirt") return parseConfiguration(values);
  parseEngineConfiguration(values);
  const { unknownKeys, ...keys } = values;
  const texts = Object.entries(keys).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return {
    engine: { ...(Object.fromEntries(texts) as StackConfig), ...(unknownKeys && { unknownKeys: [...unknownKeys] }) },
  };
}

// --- a file

interface KeyOfFile {
  readonly key: "cluster" | "ovirt";
  /** What is there in what the key has, and in nothing else of such a file. */
  readonly mark: string;
}

const keysOfFile: Readonly<Record<Backend, KeyOfFile>> = {
  libvirt: { key: "cluster", mark: "hosts" },
  ovirt: { key: "ovirt", mark: "url" },
};

/** Where a file may have it: as `Pulumi.<stack>.yaml` has it, below its key, or alone. */
function placesInFile({ key }: KeyOfFile): readonly (readonly string[])[] {
  const full = `${CONFIG_NAMESPACE}:${key}`;
  return [["config", full], [full], [key], []];
}

async function ofFile(name: string, secrets: ConfigValues): Promise<CommandConfiguration> {
  const file = await YamlFile.read(name);
  const found = Object.values(keysOfFile).flatMap((of) => {
    const place = placesInFile(of).find((path) => file.keysAt(path)?.includes(of.mark) === true);
    return place === undefined ? [] : { ...of, place };
  });
  const [only = mistypedIn(file), other] = found;
  if (only === undefined) {
    throw new ConfigError({
      code: "config-missing",
      what: "Unable to use the file as configuration: it has neither a cluster (`hosts`) nor an oVirt engine (`url`)",
      where: name,
      remedy: "Write the cluster's hosts and networks there, or the engine; docs/configuration.md has examples.",
    });
  }
  const { key, place } = only;
  const unknownKeys = place[0] === "config" ? unknownKeysAmong(ownKeys(file.keysAt(["config"]))) : [];
  const given = other === undefined ? {} : { [other.key]: file.at(other.place) };
  try {
    return parsed({ ...given, [key]: file.at(place), unknownKeys, ...secrets });
  } catch (error) {
    if (!(error instanceof ConfigError) || error.mistakes.length === 0) throw error;
    const tell = (mistake: Mistake) => {
      const { path, key: faulty } = mistake;
      const [top = "", ...rest] = path;
      const inFile = top === `${CONFIG_NAMESPACE}:${key}` ? [...place, ...rest] : ["config", ...path];
      // A secret stands in the environment.
      const line = file.lineOf([...inFile, ...(faulty === undefined ? [] : [faulty])]);
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

/** Mistyped, it is a mistake in the cluster or the engine, and not its absence. */
function mistypedIn(file: YamlFile) {
  for (const of of Object.values(keysOfFile)) {
    const nearMark = (path: readonly string[]) =>
      file.keysAt(path)?.some((key) => nearest(key, [of.mark]) !== undefined) === true;
    const place = placesInFile(of).find(nearMark);
    if (place !== undefined) return { ...of, place };
  }
  return undefined;
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
): Promise<CommandConfiguration> {
  const values = fromFolder(await stackValues(source, environment), source.cwd);
  try {
    return parsed({ ...values, ...inPlaceOf(secrets), ...secrets });
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
      what: "Unable to parse the output of `pulumi config --json`",
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

/** A password from the environment takes the place of a token of the stack's as well, and the other way round. */
function inPlaceOf({ ovirtPassword, ovirtToken }: ConfigValues): ConfigValues {
  return ovirtPassword === undefined && ovirtToken === undefined
    ? {}
    : { ovirtPassword: undefined, ovirtToken: undefined };
}

/** The engine's certificates are named from the project's folder on, where the program runs. */
function fromFolder(values: ConfigValues, folder: string | undefined): ConfigValues {
  const { ovirt } = values;
  if (folder === undefined || typeof ovirt !== "object" || ovirt === null || !("caFile" in ovirt)) return values;
  const { caFile } = ovirt;
  if (typeof caFile !== "string" || caFile === "" || caFile.startsWith("~")) return values;
  return { ...values, ovirt: { ...ovirt, caFile: resolve(folder, caFile) } };
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
        else reject(error.code === "ENOENT" ? pulumiIsMissing() : stackUnreadable(complaintIn(stderr)));
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

function pulumiIsMissing(): ConfigError {
  return stackUnreadable(
    "there is no `pulumi` on the PATH",
    "Install the Pulumi CLI or add it to the PATH, or pass a file with the cluster as --config.",
  );
}

function stackUnreadable(
  why: string,
  remedy = "Run the command in the Pulumi project's folder or pass it as --cwd, and pass the stack as --stack; or pass a file with the cluster as --config.",
): ConfigError {
  return new ConfigError({ code: "config-missing", what: `Unable to read the stack's configuration: ${why}`, remedy });
}

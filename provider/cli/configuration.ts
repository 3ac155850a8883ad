/** Where the command line gets the cluster's configuration from: the stack's own config, or a file. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { load } from "js-yaml";
import { z } from "zod";
import { ConfigError, configKeys, parseConfiguration, type ConfigKey, type Configuration } from "../config.js";

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

type ConfigValues = Partial<Record<ConfigKey, unknown>>;

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
  if (source.config === undefined)
    return parseConfiguration({ ...(await stackValues(source, environment)), ...secrets });
  try {
    return parseConfiguration({ cluster: await clusterInFile(source.config), ...secrets });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      { ...error.problem, where: source.config, remedy: "Mend it in that file." },
      { cause: error.cause },
    );
  }
}

// --- a file

/** Where a file may have the cluster: alone, below `cluster`, or as `Pulumi.<stack>.yaml` has it. */
const placesInFile = [[], ["cluster"], ["config", "vnic-failover:cluster"]];

async function clusterInFile(file: string): Promise<unknown> {
  const content = await parsedFile(file);
  const found = placesInFile
    .map((path) => path.reduce<unknown>((value, key) => propertyOf(value, key), content))
    .find((value) => propertyOf(value, "hosts") !== undefined);
  if (found === undefined) {
    throw new ConfigError({
      code: "config-missing",
      what: "Unable to find the cluster in the file: neither the file itself, nor its `cluster`, nor its `config: vnic-failover:cluster` has `hosts`",
    });
  }
  return found;
}

async function parsedFile(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError({ code: "config-unreadable", what: "Unable to read the configuration" }, { cause });
  }
  try {
    // YAML 1.2 holds JSON.
    return load(text);
  } catch (cause) {
    throw new ConfigError({ code: "config-unreadable", what: "The configuration is neither YAML nor JSON" }, { cause });
  }
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

// --- the stack

/** `pulumi config --json`: each value as text, and objects as such too (pulumi: pkg/cmd/pulumi/config). */
const stackConfig = z.record(
  z.string(),
  z.looseObject({ value: z.string().optional(), objectValue: z.unknown().optional() }),
);

async function stackValues(source: ConfigurationSource, environment: NodeJS.ProcessEnv): Promise<ConfigValues> {
  const parsed = stackConfig.safeParse(jsonOf(await pulumiConfig(source, environment)));
  if (!parsed.success) {
    // What is in there may be secret: not a word of it.
    throw new ConfigError({
      code: "config-unreadable",
      what: "Unable to understand what `pulumi config --json` printed",
      remedy: "Use the Pulumi CLI 3.x, or name a file with --config.",
    });
  }
  return Object.fromEntries(
    configKeys.flatMap((key) => {
      const entry = parsed.data[`vnic-failover:${key}`];
      const value = entry?.objectValue ?? entry?.value;
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Its message would quote the text.
    return undefined;
  }
}

/** What the Pulumi CLI prints of the stack's config. It is asked, not imitated: only it knows the backend and its secrets. */
function pulumiConfig({ stack, cwd }: ConfigurationSource, environment: NodeJS.ProcessEnv): Promise<string> {
  const args = [
    "config",
    "--show-secrets",
    "--json",
    "--non-interactive",
    ...(stack === undefined ? [] : ["--stack", stack]),
    ...(cwd === undefined ? [] : ["--cwd", cwd]),
  ];
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

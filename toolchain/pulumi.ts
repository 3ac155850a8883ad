import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** Where the project's own tools stand: what `npm run setup` makes, and git ignores. */
export const root = join(import.meta.dirname, "..");
export const toolsFolder = join(root, ".tools");
export const toolsBin = join(toolsFolder, "bin");
/** A virtual environment with Pulumi's SDK for Python: made by `npm run setup -- --languages python`. */
export const pythonHome = join(toolsFolder, "python");

export interface PulumiPlaces {
  /** Logins and plugins of these runs: never the user's own `~/.pulumi`. Made by Pulumi if it is missing. */
  readonly projectHome: string;
  /** The folder that holds the stacks' state: it must exist. */
  readonly backendDir: string;
  /** A file with the passphrase of the stacks' secrets. */
  readonly passphraseFile: string;
}

/** The environment in which `pulumi` runs with files for a backend, without an account and without asking anything. */
export function pulumiEnvironment(places: PulumiPlaces, base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return {
    ...base,
    // These would win over the backend and the passphrase file.
    PULUMI_ACCESS_TOKEN: undefined,
    PULUMI_CONFIG_PASSPHRASE: undefined,
    PULUMI_HOME: places.projectHome,
    PULUMI_BACKEND_URL: `file://${places.backendDir}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: places.passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: "1",
    // This very Node.js comes next: Pulumi's language host and the dynamic provider start `node` by name.
    PATH: [toolsBin, dirname(process.execPath), base["PATH"] ?? ""].join(delimiter),
  };
}

/** The path of the `pulumi` that runs in this environment, if there is one. */
export function findPulumi(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return findOnPath("pulumi", [toolsBin, env["PATH"] ?? ""].join(delimiter));
}

/** The first executable file of that name in the folders of a PATH. */
export function findOnPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file) && isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The programs of examples/plugin, each made ready to run in a folder of its own. */
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pythonHome, root } from "../../toolchain/pulumi.js";
import { run } from "../../toolchain/run.js";
import type { Generated } from "./sdks.js";

export interface Language {
  /** The folder in examples/plugin. */
  readonly example: string;
  /** Of `pulumi-language-…`. */
  readonly host: string;
  /** Whose SDK its program imports. */
  readonly sdk?: Generated;
  /** Puts the SDK where the program looks for it. @returns what the program needs in its environment. */
  prepare(project: string, sdk: string): Promise<Readonly<Record<string, string>>>;
}

export const languages: Readonly<Record<string, Language>> = {
  yaml: { example: "yaml", host: "yaml", prepare: () => Promise.resolve({}) },
  typescript: {
    example: "typescript",
    host: "nodejs",
    sdk: "nodejs",
    async prepare(project, sdk) {
      const modules = join(project, "node_modules");
      cpSync(sdk, join(modules, "pulumi-vnic-failover-sdk"), { recursive: true });
      for (const name of ["@pulumi/pulumi", "@types/node", "typescript"]) {
        mkdirSync(dirname(join(modules, name)), { recursive: true });
        symlinkSync(join(root, "node_modules", name), join(modules, name));
      }
      const tsc = join(modules, "typescript", "bin", "tsc");
      await run("Checking the program in typescript", process.execPath, [tsc, "--noEmit"], { cwd: project });
      return {};
    },
  },
  python: {
    example: "python",
    host: "python",
    sdk: "python",
    async prepare(_, sdk) {
      // `npm run setup -- --languages python` makes it. Hosts of the 3.68 line take what comes first on PATH.
      const bin = join(pythonHome, "bin");
      // The lab's hosts are reached from a network without a way out: what builds the SDK must be there already.
      const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-build-isolation"];
      await run("Installing the SDK for python", join(bin, "python"), [...pip, sdk]);
      await run("Importing the SDK for python", join(bin, "python"), ["-c", "import pulumi_vnic_failover"]);
      return { PATH: [bin, process.env["PATH"] ?? ""].join(delimiter), VIRTUAL_ENV: pythonHome };
    },
  },
  go: {
    example: "go",
    host: "go",
    sdk: "go",
    async prepare(project, sdk) {
      cpSync(sdk, join(project, "sdk", "go", "vnicfailover"), { recursive: true });
      await run("Looking for the modules of the program in go", "go", ["mod", "tidy"], { cwd: project });
      await run("Building the program in go", "go", ["build", "-p", "1", "-o", "/dev/null", "."], { cwd: project });
      return {};
    },
  },
};

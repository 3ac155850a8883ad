import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import * as z from "zod";
import { newestSdk, newestSdkRequirement } from "../../toolchain/newest-sdk.js";
import { findPulumi, pulumiEnvironment } from "../../toolchain/pulumi.js";
import { pulumiCli } from "../../toolchain/pulumi-cli.js";
import { missing, need } from "../../toolchain/requirement.js";
import { nameOf, parseEvents, type Diagnostic, type Step } from "./events.js";
import { compile, installPackage, type Sdk } from "./package.js";

export interface Program {
  /** The program's TypeScript: CommonJS, unless `type` says otherwise. */
  readonly program: string;
  readonly type?: "commonjs" | "module";
  /** Configuration with its namespace: `vnic-failover:cluster`. Objects are passed as JSON. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** As `config`, and encrypted in the stack's file. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** A module below the repository's root to stand in for `provider/pulumi/dynamic/index.ts`. */
  readonly handlers?: string;
  /** Further environment of the program and of the handlers. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of the program and the dynamic provider. Default: the pinned one, on this process's Node.js. */
  readonly sdk?: Sdk;
}

/** What one `pulumi` command did. */
export interface Run {
  readonly exitCode: number;
  /** What the user reads, standard output and error in one. */
  readonly text: string;
  /** One for each resource that was looked at, without the stack and the providers. */
  readonly steps: readonly Step[];
  /** What was said of the resources, without debug messages. */
  readonly diagnostics: readonly Diagnostic[];
  /** The names of the resources that changed, or would, with what was done: `{ "web-nic": "create" }`. */
  readonly changes: Readonly<Record<string, string>>;
}

const StateSchema = z.object({
  deployment: z.object({
    resources: z
      .array(
        z.object({
          urn: z.string(),
          type: z.string(),
          id: z.string().optional(),
          inputs: z.record(z.string(), z.unknown()).default({}),
          outputs: z.record(z.string(), z.unknown()).default({}),
        }),
      )
      .default([]),
  }),
});
export type StateResource = z.output<typeof StateSchema>["deployment"]["resources"][number];

/** A stack of the real engine, with a file backend, in a project of its own. */
export class TestStack {
  readonly #env: NodeJS.ProcessEnv;
  #runs = 0;

  constructor(
    readonly folder: string,
    env: Readonly<Record<string, string>>,
    readonly extension: "js" | "mjs",
    sdk: Sdk = "pinned",
  ) {
    if (findPulumi() === undefined) throw missing(pulumiCli);
    if (sdk === "newest") need(newestSdkRequirement);
    const backendDir = join(folder, "backend");
    mkdirSync(backendDir);
    const passphraseFile = join(folder, "passphrase");
    writeFileSync(passphraseFile, "correct horse battery staple");
    const ours = { ...pulumiEnvironment({ projectHome: join(folder, "home"), backendDir, passphraseFile }), ...env };
    this.#env = {
      ...ours,
      ...(sdk === "newest" && { PATH: [dirname(newestSdk.node), ours["PATH"] ?? ""].join(delimiter) }),
      // The switch that `--event-log` stands behind.
      PULUMI_DEBUG_COMMANDS: "true",
    };
  }

  /** The program from now on. */
  write(program: string): void {
    writeFileSync(
      join(this.folder, `index.${this.extension}`),
      compile(program, `index.${this.extension.replace("j", "t")}`),
    );
  }

  up = (...flags: string[]): Promise<Run> => this.#operation("up", "--yes", "--skip-preview", ...flags);
  preview = (...flags: string[]): Promise<Run> => this.#operation("preview", "--diff", ...flags);
  refresh = (...flags: string[]): Promise<Run> => this.#operation("refresh", "--yes", "--skip-preview", ...flags);
  destroy = (...flags: string[]): Promise<Run> => this.#operation("destroy", "--yes", "--skip-preview", ...flags);

  /** `pulumi up`, which gets Ctrl-C when that is so: Pulumi's engine lets what it has begun end, or be cancelled. */
  interruptedUp(when: () => Promise<unknown>): Promise<{ exitCode: number; text: string }> {
    return this.#spawn(["up", "--yes", "--skip-preview"], (child) => {
      // Where it never is so, the command ends by itself.
      when().then(
        () => child.kill("SIGINT"),
        () => undefined,
      );
    });
  }

  /** The text of `pulumi stack export`, and the resources in it by name, without components, the stack and providers. */
  async export(): Promise<{ text: string; resources: Readonly<Record<string, StateResource>> }> {
    const { text } = await this.pulumi("stack", "export");
    const { deployment } = StateSchema.parse(JSON.parse(text));
    const own = deployment.resources.filter(({ type, id }) => id !== undefined && !type.startsWith("pulumi:"));
    return { text, resources: Object.fromEntries(own.map((resource) => [nameOf(resource.urn), resource])) };
  }

  /** Any other command; throws if it fails. */
  async pulumi(...args: string[]): Promise<{ text: string }> {
    const { exitCode, text } = await this.#spawn(args);
    if (exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${exitCode}:\n${text}`);
    return { text };
  }

  async #operation(command: string, ...flags: string[]): Promise<Run> {
    const log = join(this.folder, `events-${++this.#runs}.json`);
    const { exitCode, text } = await this.#spawn([command, ...flags, "--event-log", log, "--suppress-permalink=true"]);
    const { steps, diagnostics } = parseEvents(existsSync(log) ? readFileSync(log, "utf8") : "");
    // A replacement is three steps, of which one says it all.
    const parts = ["same", "create-replacement", "delete-replaced"];
    const changes = Object.fromEntries(steps.filter(({ op }) => !parts.includes(op)).map(({ name, op }) => [name, op]));
    return { exitCode, text, steps, diagnostics, changes };
  }

  #spawn(
    args: readonly string[],
    started: (child: ChildProcess) => void = () => undefined,
  ): Promise<{ exitCode: number; text: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn("pulumi", [...args, "--non-interactive", "--color=never"], {
        cwd: this.folder,
        env: this.#env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      started(child);
      let text = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (part: string) => (text += part));
      }
      child.once("error", reject);
      child.once("close", (code) => resolve({ exitCode: code ?? -1, text }));
    });
  }
}

/** Node.js starts so, and Pulumi's commands end before they collect garbage. */
function quickStart(): Record<string, string> {
  const program = join(import.meta.dirname, "quick-start.cjs");
  const NODE_OPTIONS = `${process.env["NODE_OPTIONS"] ?? ""} --require "${program}"`.trim();
  return { NODE_OPTIONS, GOGC: "off", GOMEMLIMIT: "512MiB" };
}

/** Makes a project with a stack for the test, and removes them after it: the test destroys what it made elsewhere. */
export async function withStack(
  { program, type = "commonjs", config = {}, secrets = {}, handlers, env = {}, sdk }: Program,
  test: (stack: TestStack) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-stack-"));
  try {
    const extension = type === "module" ? "mjs" : "js";
    // TypeScript is compiled here: the language host would check types on each run.
    writeFileSync(
      join(folder, "Pulumi.yaml"),
      JSON.stringify({
        name: "test",
        runtime: { name: "nodejs", options: { typescript: false } },
        main: `index.${extension}`,
      }),
    );
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "test", type, main: `index.${extension}` }));
    await installPackage(folder, { handlers, sdk });
    const stack = new TestStack(folder, { ...quickStart(), ...env }, extension, sdk);
    stack.write(program);
    await stack.pulumi("stack", "init", "dev");
    await stack.pulumi(
      "config",
      "set-all",
      "--json",
      JSON.stringify({ ...settings(config, false), ...settings(secrets, true) }),
    );
    await test(stack);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As `pulumi config --json` prints them. */
function settings(values: Readonly<Record<string, unknown>>, secret: boolean): Record<string, object> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? { value, secret } : { value: JSON.stringify(value), objectValue: value, secret },
    ]),
  );
}

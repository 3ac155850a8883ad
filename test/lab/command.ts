/** Runs programs of this machine for the lab: no shell, and an error that holds what the program said. */
import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly input?: string | Buffer;
  readonly cwd?: string;
  /** Exit statuses that are not a failure. Default: only 0. */
  readonly accept?: readonly number[];
  /** Where the program's output goes beside the result. Default: nowhere. */
  readonly echo?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws Error with the command and the end of its output when it exits with a status that is not accepted. */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout.push(chunk);
    if (options.echo === true) process.stderr.write(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr.push(chunk);
    if (options.echo === true) process.stderr.write(chunk);
  });
  // The program may end before it has read everything; its exit status tells what matters.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input);
  const status = await new Promise<number>((resolve, reject) => {
    child.on("error", (cause) => reject(new Error(`Unable to run ${program}: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  const result = { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  if (!(options.accept ?? [0]).includes(status)) {
    const said = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-15).join("\n");
    throw new Error(`Unable to run "${[program, ...args].join(" ").slice(0, 300)}" (exit status ${status}):\n${said}`);
  }
  return result;
}

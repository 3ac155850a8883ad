import { spawn } from "node:child_process";

const SECONDS = 1000;

/** Runs a program to its end and gives its output. Says every ten seconds that it is still at it. */
export function run(
  what: string,
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const say = (): void => console.error(`${what}… (${Math.round((Date.now() - started) / SECONDS)} s)`);
    const first = setTimeout(say, 2 * SECONDS);
    const further = setInterval(say, 10 * SECONDS);
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => (output += part));
    }
    const end = (failure?: string): void => {
      clearTimeout(first);
      clearInterval(further);
      if (failure === undefined) resolve(output);
      else reject(new Error(`${what} failed (${failure}): ${output.trim().split("\n").slice(-5).join("\n")}`));
    };
    child.once("error", (error) => end(error.message));
    child.once("close", (code, signal) => end(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
}

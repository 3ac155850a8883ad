/** OpenSSH's client into a lab host: for the lab itself and for the tests' own look at what is true. Not the product's way. */
import { spawnSync } from "node:child_process";
import { run, type CommandResult } from "./command.js";
import type { Image } from "./image.js";
import type { LabHost } from "./layout.js";
import { inNamespace } from "./network.js";

function arguments_(image: Pick<Image, "key" | "knownHosts">, host: LabHost): string[] {
  const options = [
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${image.knownHosts}`,
    "LogLevel=ERROR",
    "ConnectTimeout=20",
    "BatchMode=yes",
  ];
  return ["ssh", "-F", "none", "-i", image.key, ...options.flatMap((option) => ["-o", option]), `root@${host.address}`];
}

/** Program and arguments that run a command line in the host's shell. */
export function sshCommand(
  image: Pick<Image, "key" | "knownHosts">,
  host: LabHost,
  command: string,
): [string, string[]] {
  return inNamespace([...arguments_(image, host), command]);
}

/** Runs a command line in the host's shell. @throws Error when its status is not accepted (default: only 0). */
export function ssh(
  image: Pick<Image, "key" | "knownHosts">,
  host: LabHost,
  command: string,
  options: { input?: string; accept?: readonly number[] } = {},
): Promise<CommandResult> {
  const [program, args] = sshCommand(image, host, command);
  return run(program, args, options);
}

/** The same with this process's own terminal. */
export function sshHere(image: Pick<Image, "key" | "knownHosts">, host: LabHost, command: readonly string[]): number {
  const [program, args] = inNamespace([...arguments_(image, host), ...command]);
  return spawnSync(program, args, { stdio: "inherit" }).status ?? 1;
}

/** The quickstart's stack against the lab: Pulumi with files for a backend, run where it can reach the lab's hosts. */
import { mkdirSync, writeFileSync, existsSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { run } from "../../test/lab/command.js";
import { inNamespace } from "../../test/lab/network.js";
import { clusterConfig } from "../../test/lab/cluster-config.js";
import type { LabState } from "../../test/lab/lab.js";
import { guestNamed } from "../../test/lab/layout.js";
import { pulumiEnvironment, root } from "../../toolchain/pulumi.js";

const folder = join(root, ".demo");
const passphraseFile = join(folder, "passphrase");
const stackName = "demo";
export const reportsFolder = join(folder, "reports");

/** What a shell needs to look at the stack by hand: the README shows it. */
export const environment = pulumiEnvironment({ projectHome: join(folder, "home"), backendDir: folder, passphraseFile });

export async function pulumi(args: readonly string[], { echo = false } = {}): Promise<string> {
  const [program, inside] = inNamespace(["pulumi", ...args, "--non-interactive", "--stack", stackName]);
  const env = { ...environment, VNIC_FAILOVER_REPORTS: reportsFolder };
  return (await run(program, inside, { cwd: root, env, echo })).stdout;
}

/** Whether an earlier demo has left its stack. */
export function stackExists(): boolean {
  return existsSync(join(folder, ".pulumi", "stacks", "vnic-failover-quickstart", `${stackName}.json`));
}

/** Makes the stack, or finds it, and points it at the lab. */
export async function prepareStack(lab: LabState, host: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(passphraseFile)) writeFileSync(passphraseFile, randomBytes(24).toString("base64"), { mode: 0o600 });
  await run("pulumi", ["stack", "select", "--create", "--stack", stackName, "--non-interactive"], {
    cwd: root,
    env: environment,
  });
  await pulumi(["config", "set", "vnic-failover:cluster", JSON.stringify(clusterConfig(lab))]);
  await pulumi(["config", "set", "mac", guestNamed("web").mac]);
  await pulumi(["config", "set", "host", host]);
}

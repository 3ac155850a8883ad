/** A program under the real engine, on hosts in this process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { twoHosts, type LabLike } from "../hosts/two-hosts.js";
import { withStack, type Program, type TestStack } from "../pulumi/stack.js";

/** Generous: other work on the machine slows the engine down. */
export const TIMEOUT = 600_000;

export function clusterOf(lab: LabLike): object {
  return JSON.parse(lab.stackConfig.cluster ?? "") as object;
}

export async function overLab(
  program: string | Program,
  story: (stack: TestStack, lab: LabLike) => Promise<void>,
): Promise<void> {
  const lab = await twoHosts();
  const reports = mkdtempSync(join(tmpdir(), "reports-"));
  try {
    const { config, env, ...given } = typeof program === "string" ? { program } : program;
    await withStack(
      {
        ...given,
        config: { "vnic-failover:cluster": clusterOf(lab), ...config },
        env: { VNIC_FAILOVER_REPORTS: reports, ...env },
      },
      (stack) => story(stack, lab),
    );
  } finally {
    await lab.close();
    rmSync(reports, { recursive: true });
  }
}

/**
 * Whether a host is under maintenance, as a read has to know it. The engine refreshes with the configuration of the last
 * `pulumi up`, which it keeps in the state: what an operator has set since stands in the stack's file alone.
 */
import * as z from "zod";
import { isUnderMaintenance } from "../config/index.js";
import type { HandlerContext } from "./handler.js";
import { clusterOf } from "./libvirt/session.js";
import { urnParts } from "../model/urn.js";

/** What the stack's file says, where it has the very host; else what the given configuration says. */
export async function isUnderMaintenanceNow(
  ctx: HandlerContext,
  host: string,
  folder = process.cwd(),
): Promise<boolean> {
  const { config } = clusterOf(ctx);
  const given = isUnderMaintenance(config, host);
  if (ctx.urn === undefined || !Object.hasOwn(config.hosts, host)) return given;
  const inFile = (await hostsInFile(urnParts(ctx.urn).stack, folder))?.[host];
  // A provider of its own may have another cluster than the stack.
  return inFile?.uri === config.hosts[host]?.uri ? inFile?.maintenance === true : given;
}

/** Of the file no more is read than this; the rest is checked when the engine hands it over. */
const clusterInFile = z.looseObject({
  hosts: z.record(z.string(), z.looseObject({ uri: z.string(), maintenance: z.boolean().optional() })),
});

/** Undefined: there is no such file, or no cluster in it. */
async function hostsInFile(
  stack: string,
  folder: string,
): Promise<z.output<typeof clusterInFile>["hosts"] | undefined> {
  // Hardly ever needed: a command that reads a thousand resources does not wait for a parser of YAML.
  const { stackFile } = await import("../config/stack-file.js");
  const cluster = (await stackFile(stack, folder))?.at(["config", "vnic-failover:cluster"]);
  const parsed = clusterInFile.safeParse(typeof cluster === "string" ? jsonOf(cluster) : cluster);
  return parsed.success ? parsed.data.hosts : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether one host reaches another where libvirt sends a VM's memory. Needs python3 on the source, and no rights. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { foreignText } from "../../../model/foreign-text.js";
import { jsonIn } from "../../../model/json.js";
import { ProblemError } from "../../../model/problem.js";
import type { LibvirtHost } from "../host.js";
import { asUnreachable } from "../host-errors.js";
import { remotePython, SshError } from "../transport/index.js";

/**
 * The last of the ports at which QEMU takes VMs in (src/qemu/qemu.conf.in, migration_port_max). libvirt hands them out from the first on:
 * at those another VM's QEMU may be waiting, which would take the connection for its migration and end ("Not a migration stream").
 */
export const lastMigrationPort = 49_215;

/** For each address of the destination. */
const seconds = 2;

export interface PortAnswer {
  readonly outcome: "reached" | "no answer" | "no route" | "not resolved";
  /** In the host's words, without a full stop. */
  readonly why: string;
}

/** A constant of this package, with nothing of the task in it: that goes over standard input. */
const program = remotePython(readFileSync(join(__dirname, "port-probe.py"), "utf8"), "account");

const answer = z.strictObject({
  outcome: z.enum(["reached", "no answer", "no route", "not resolved"]),
  why: z.string(),
});

/** Undefined: the host runs no commands for us, or cannot tell. */
export async function triedFrom(host: LibvirtHost, address: string, port: number): Promise<PortAnswer | undefined> {
  try {
    const result = await host.command(program, `${JSON.stringify({ address, port, seconds })}\n`);
    if (result?.code !== 0) return undefined;
    const said = answer.safeParse(jsonIn(result.stdout)).data;
    return said && { outcome: said.outcome, why: foreignText(said.why, 200) };
  } catch (error) {
    if (error instanceof ProblemError && !(error instanceof SshError) && asUnreachable(error) === undefined)
      throw error;
    return undefined;
  }
}

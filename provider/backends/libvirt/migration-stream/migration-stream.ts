/**
 * Ends the connection by which a VM's memory is sent to a host that is gone. QEMU may wait in it while it answers nothing, not
 * even that the migration is to be cancelled, until the kernel gives the connection up: some 15 minutes (`tcp_retries2`).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { jsonIn } from "../../../model/json.js";
import type { LibvirtHost } from "../host.js";
import { remotePython } from "../transport/index.js";

/** A constant of this package, with nothing of the task in it: that goes over standard input. */
const program = remotePython(readFileSync(join(__dirname, "migration-stream.py"), "utf8"));

const answer = z.strictObject({ found: z.number(), ended: z.number() });

/**
 * @param uri of the migration: `tcp://address:port`, or as libvirt offers it, `tcp:address:port`.
 * @returns whether it is ended. False also where the host runs no commands for us, or the account may not.
 * @throws SshError
 */
export async function endMigrationStream(source: LibvirtHost, uri: string): Promise<boolean> {
  const place = placeOf(uri);
  if (place === undefined) return false;
  const result = await source.command(program, `${JSON.stringify(place)}\n`);
  if (result?.code !== 0) return false;
  return (answer.safeParse(jsonIn(result.stdout)).data?.ended ?? 0) > 0;
}

/** Undefined: it is another kind of address. */
export function placeOf(uri: string): { readonly address: string; readonly port: number } | undefined {
  const [, bracketed, plain, port] = /^tcp:(?:\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(uri) ?? [];
  const address = bracketed ?? plain;
  return address === undefined ? undefined : { address, port: Number(port) };
}

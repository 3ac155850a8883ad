/**
 * What a PF has set for a VF: its MAC and its VLAN. libvirt sets both for an `<interface>`; for a `<hostdev>` it leaves them as
 * they are, and the guest pairs by the MAC. Needs more than libvirt's socket: python3 and root on the host.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { foreignText } from "../../../model/foreign-text.js";
import { jsonIn } from "../../../model/json.js";
import { ProblemError } from "../../../model/problem.js";
import { formatPciAddress, type PciAddress } from "../xml/pci-address.js";
import type { LibvirtHost } from "../host.js";
import { remotePython } from "../transport/index.js";
import { vfLink } from "./vf-link.js";

export interface VfSettings {
  readonly mac: string;
  /** 0: none. */
  readonly vlan: number;
}

/** What a VF has that nothing is set for: its driver makes up a MAC. */
export const unsetVf: VfSettings = { mac: "00:00:00:00:00:00", vlan: 0 };

/** A constant of this package, with nothing of the task in it: that goes over standard input. */
const program = remotePython(`${vfLink}${readFileSync(join(__dirname, "vf-settings.py"), "utf8")}`);

const answer = z.strictObject({ mac: z.string().max(17), vlan: z.number().int().min(0).max(4094) });

/** Undefined: the host runs no commands for us, or cannot tell. */
export async function readVfSettings(host: LibvirtHost, vf: PciAddress): Promise<VfSettings | undefined> {
  return ask(host, { vf: formatPciAddress(vf) }).then(
    (said) => (typeof said === "string" ? undefined : said),
    () => undefined,
  );
}

/** @throws ProblemError `vf-settings-failed` */
export async function setVf(host: LibvirtHost, vf: PciAddress, settings: VfSettings): Promise<void> {
  const said = await ask(host, { vf: formatPciAddress(vf), ...settings });
  if (typeof said !== "string") return;
  throw new ProblemError({
    code: "vf-settings-failed",
    what: `Unable to set MAC ${settings.mac} and VLAN ${settings.vlan} of VF ${formatPciAddress(vf)}: ${said}`,
    where: host.name,
    remedy:
      "Allow the account of the host's URI to run python3 there, as root or by sudo: docs/ssh.md has the line for sudoers.",
  });
}

/** @returns why not, in words. */
async function ask(
  host: LibvirtHost,
  task: { readonly vf: string } & Partial<VfSettings>,
): Promise<VfSettings | string> {
  const result = await host.command(program, `${JSON.stringify(task)}\n`);
  if (result === undefined) return "the host has no SSH connection: its URI is not qemu+ssh";
  if (result.code !== 0) return foreignText(result.stderr.trim().split("\n").at(-1) ?? "");
  return answer.safeParse(jsonIn(result.stdout)).data ?? "the host's answer is not the settings of a VF";
}

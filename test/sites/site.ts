/** What the tests of the lab's variants have in common: what hosts are given, the command line, and looks at a move. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { z } from "zod";
import { parseConfiguration, type clusterSchema } from "../../provider/config/index.js";
import { root } from "../../toolchain/pulumi.js";
import { bothEnslaved, domainXml } from "../e2e/lab.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { run } from "../lab/command.js";
import { parseDeparture, parseDisk } from "../lab/guest.js";
import { consoleOf, guestShows, type LabState } from "../lab/lab.js";
import { guestNamed, hostNamed, hosts, running, type LabHost } from "../lab/layout.js";
import { inNamespace } from "../lab/network.js";
import { ssh } from "../lab/ssh.js";
import { answersOf, recordedNow } from "./answers.js";

export const web = guestNamed("web");
export const [host1, host2] = [hostNamed("host1"), hostNamed("host2")];

type Cluster = z.input<typeof clusterSchema>;

/** The file that the command line reads. Until {@link configure} changes it: the lab's own cluster. */
const clusterFile = join(running, "site.json");

export function configure(lab: LabState, change: (cluster: Cluster) => Cluster = (cluster) => cluster): Cluster {
  const cluster = change(clusterConfig(lab));
  writeFileSync(clusterFile, JSON.stringify(cluster));
  return cluster;
}

export interface Said {
  readonly status: number;
  /** The one JSON document that the command has printed. */
  readonly answer: unknown;
  /** All that it has printed. */
  readonly text: string;
}

/** The command line as built in `dist`. */
export async function cli(...args: string[]): Promise<Said> {
  const program = join(root, "dist/cli/main.js");
  const [command, argv] = inNamespace([process.execPath, program, ...args, "--json", "--config", clusterFile]);
  const { status, stdout, stderr } = await run(command, argv, { cwd: running, accept: [0, 1, 2, 3, 4] });
  return { status, answer: JSON.parse(stdout), text: `${stdout}\n${stderr}` };
}

/** @param options further arguments of `migrate`. */
export async function moves(lab: LabState, to: LabHost, ...options: string[]): Promise<Said> {
  const from = hosts.find((host) => host !== to)?.name;
  const said = await cli("migrate", web.name, "--to", to.name, ...options);
  expect(said.answer, said.text).toMatchObject({ outcome: "moved", report: { from, to: to.name } });
  expect(await domainXml(lab, to, web.name)).toMatch(/<teaming type='transient'/);
  await guestShows(lab, web, to, bothEnslaved);
  return said;
}

/** The VM runs on host1 with its VF, which the guest has had all the time. */
export async function vfWasNeverUnplugged(lab: LabState): Promise<void> {
  expect(parseDeparture(await consoleOf(lab, web, host1))).toBeUndefined();
  expect(await domainXml(lab, host1, web.name)).toMatch(/<teaming type='transient'/);
  expect((await domainXml(lab, host2, web.name)).trim()).toBe("");
  await guestShows(lab, web, host1, bothEnslaved);
}

/** The guest writes to its disk on that host, and no write has failed since it came there. */
export async function guestWrites(lab: LabState, host: LabHost): Promise<void> {
  const written = async () => parseDisk(await consoleOf(lab, web, host));
  await expect.poll(written, { timeout: 60_000 }).toBeGreaterThan(0);
  const before = await written();
  await expect.poll(written, { timeout: 60_000 }).toBeGreaterThan(before ?? 0);
  expect(await consoleOf(lab, web, host)).not.toMatch(/GUEST-DISK failed/);
}

/** Runs a command line on both hosts. */
export async function onBoth(lab: LabState, command: string): Promise<void> {
  await Promise.all(hosts.map((host) => ssh(lab.image, host, command)));
}

/** An empty qcow2 image of 64 MiB at that path of the host. */
export async function makeDisk(lab: LabState, host: LabHost, path: string): Promise<void> {
  const image = join(running, "disk.qcow2");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", image, "64M"]);
  const { stdout } = await run("base64", ["-w0", image]);
  await ssh(lab.image, host, `mkdir -p "$(dirname ${path})" && base64 -d > ${path}`, { input: stdout });
}

/** Ends libvirtd on both hosts, if it runs, and starts it again, once `meanwhile` was done. */
export async function restartLibvirtd(lab: LabState, meanwhile = "true", environment = "", args = ""): Promise<void> {
  await onBoth(lab, `${endLibvirtd}; ${meanwhile} || exit 1; ${environment} libvirtd -d ${args}; ${untilItAnswers}`);
}

export const endLibvirtd = "pkill -x libvirtd; while pgrep -x libvirtd > /dev/null; do sleep 0.2; done";
export const untilItAnswers = "timeout 60 sh -c 'until virsh -q uri > /dev/null 2>&1; do sleep 0.2; done'";

/** The hosts as they are now answer as answers.json says, which the models of hosts are held against. */
export async function answersAsRecorded(lab: LabState, variant: string): Promise<void> {
  const answers = await answersOf(variant, parseConfiguration({ cluster: clusterConfig(lab) }));
  expect(answers).toEqual(recordedNow(answers));
}

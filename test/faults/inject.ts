/** Runs one fault against a real move on the lab and looks afterwards, by other means than ours, whether anything was lost. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeFileSync } from "node:fs";
import { root } from "../../toolchain/pulumi.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { run } from "../lab/command.js";
import type { GuestOptions } from "../lab/guest.js";
import { guestShows, powerOff, powerOn, reset, type LabState } from "../lab/lab.js";
import { guestNamed, hosts, physicalFunction, running, type LabHost } from "../lab/layout.js";
import { inNamespace, setPort } from "../lab/network.js";
import { ssh } from "../lab/ssh.js";
import type { End, Fault, Hands } from "./faults.js";

export interface FaultResult {
  readonly name: string;
  readonly phase: string;
  readonly survived: boolean;
  readonly seconds: number;
  /** Where it did not: what was wrong. */
  readonly problems?: readonly string[];
}

const web = guestNamed("web");
const configFile = () => join(running, "cluster.json");

/** Gives `web` its pair on host1, from nothing. */
export async function prepare(lab: LabState, options: GuestOptions = {}): Promise<void> {
  await reset(lab, web, options);
  const [program, args] = inNamespace([
    process.execPath,
    "--import",
    "tsx",
    join(root, "test/bench/ours.ts"),
    "prepare",
    web.name,
    "host1",
  ]);
  await run(program, args);
  writeFileSync(configFile(), JSON.stringify(clusterConfig(lab)));
}

export async function injectFault(lab: LabState, fault: Fault): Promise<FaultResult> {
  const began = Date.now();
  const problems: string[] = [];
  const [source, destination] = await whereIsWeb(lab);
  await settled(lab, source);
  // A source that comes back must not start the VM a second time.
  await ssh(lab.image, source, `virsh -q autostart ${fault.away === "source" ? "" : "--disable "}${web.name}`);
  let mover: ChildProcess | undefined;
  const hands: Hands = {
    source,
    destination,
    on: async (host, command) => (await ssh(lab.image, host, command, { accept: [0, 1] })).stdout,
    signal: (name) => mover?.kill(name),
    cable: (host, nic, state) => setPort(nic, host.id, state),
    moveToo: async () => (await cli(["migrate", web.name, "--to", destination.name])).code,
    recover: async () => (await recoverOnce()).code,
    die: powerOff,
    remove: ({ name }) => {
      const config = clusterConfig(lab);
      const others = Object.entries(config.hosts).filter(([host]) => host !== name);
      writeFileSync(configFile(), JSON.stringify({ ...config, hosts: Object.fromEntries(others) }));
    },
  };
  let struck = false as boolean;
  let struckAt = Infinity;
  const strikeOnce = async () => {
    if (struck) return;
    struck = true;
    await sleep(fault.after ?? 0);
    struckAt = Date.now();
    try {
      await fault.inject(hands);
    } catch (error) {
      problems.push(`the fault itself: ${String(error)}`);
    }
  };
  if (fault.phase === "before") await strikeOnce();
  let blow: Promise<void> = Promise.resolve();
  const { code, said } = await cli(
    ["migrate", web.name, "--to", destination.name, ...(fault.options ?? [])],
    (child) => (mover = child),
    (phase) => {
      if (phase === fault.phase) blow = strikeOnce();
    },
  );
  const seconds = (Date.now() - struckAt) / 1000;
  await blow;
  if (fault.endsWithin !== undefined && seconds > fault.endsWithin)
    problems.push(`the move ended ${Math.round(seconds)} s after the blow, not within ${fault.endsWithin} s`);
  if (!struck) problems.push(`the move never came to ${fault.phase}: ${said.slice(-400)}`);
  await fault.repair?.(hands);
  if (fault.away !== undefined) {
    const away = fault.away === "source" ? source : destination;
    problems.push(...(await whileAway(lab, fault, code, { source, destination, away })));
    return resultOf(fault, began, problems);
  }
  const recovered = fault.phase === "before" ? undefined : await recover();
  if (recovered !== undefined && recovered.code !== 0) problems.push(`recover ${endOf(recovered)}`);
  problems.push(...(await wrongs(lab, fault, code, source, destination)));
  return resultOf(fault, began, problems);
}

function resultOf({ name, phase }: Fault, began: number, problems: readonly string[]): FaultResult {
  return {
    name,
    phase,
    survived: problems.length === 0,
    seconds: Math.round((Date.now() - began) / 100) / 10,
    ...(problems.length > 0 && { problems }),
  };
}

interface Away {
  readonly source: LabHost;
  readonly destination: LabHost;
  readonly away: LabHost;
}

/** What is wrong while the host is away, and what is still wrong once it is back; then all is as before the fault. */
async function whileAway(lab: LabState, fault: Fault, code: number, { source, destination, away }: Away) {
  const home = hosts.find((host) => host !== away) ?? source;
  const found: string[] = [];
  const recovered = await recoverWithout(away);
  const domain = `virsh -q domstate ${web.name} 2>/dev/null`;
  const state = (await ssh(lab.image, home, domain, { accept: [0, 1] })).stdout.trim();
  const off = state === "" || state === "shut off";
  if (off && fault.ends?.includes("off") !== true) found.push(`the VM does not run (recover ${endOf(recovered)})`);
  if (!off && recovered.code !== 0) found.push(`recover without ${away.name} ${endOf(recovered)}`);
  if (!off) {
    found.push(
      ...(await wrongs(lab, fault, code, source, destination, [home])).map((each) => `${away.name} away: ${each}`),
    );
    const xml = (await ssh(lab.image, home, `virsh dumpxml ${web.name}`)).stdout;
    const reserved = (fault.away === "source" ? phasesWithCopy : phasesWithReservation).has(fault.phase);
    if (reserved && !xml.includes("owed")) found.push(`nothing is noted as owed to ${away.name}`);
  }
  await powerOn(lab, away);
  writeFileSync(configFile(), JSON.stringify(clusterConfig(lab)));
  const later = await recover();
  if (later.code !== 0) found.push(`recover with ${away.name} back ${endOf(later)}`);
  if (off) {
    // It was on that machine: what is left of it is its definition, which a start would take another VF for.
    const definitions = await Promise.all(
      hosts.map((host) => ssh(lab.image, host, `virsh dumpxml --inactive ${web.name}`, { accept: [0, 1] })),
    );
    const left = definitions.map(({ stdout }) => stdout).filter((xml) => xml.includes("<domain"));
    if (left.length !== 1) found.push(`the VM is defined on ${left.length} hosts`);
    if (left.some((xml) => xml.includes("journal"))) found.push("a journal is left");
    if (left.some((xml) => xml.includes("owed"))) found.push(`something is still owed to ${away.name}`);
    await prepare(lab);
    return found;
  }
  found.push(...(await wrongs(lab, fault, code, source, destination)).map((each) => `${away.name} back: ${each}`));
  const xml = (await ssh(lab.image, home, `virsh dumpxml ${web.name}`)).stdout;
  if (xml.includes("owed")) found.push(`something is still owed to ${away.name}`);
  // The next move must go there again.
  const next = await cli(["migrate", web.name, "--to", away.name]);
  if (next.code !== 0) found.push(`the next move ${endOf(next)}`);
  return found;
}

/** Phases from which on the destination has a VF reserved, or the source something of the VM. */
const phasesWithReservation: ReadonlySet<string> = new Set(["unplug", "migrate"]);
const phasesWithCopy: ReadonlySet<string> = new Set(["plug"]);

/** With the word that the host is dead only where it is asked for. */
async function recoverWithout(away: LabHost): Promise<Ended> {
  const once = await recoverOnce();
  return once.code === 4 ? cli(["recover", web.name, "--now", "--host-is-dead", away.name, "--yes"]) : once;
}

/** As an operator does: again, until it says that there is nothing left. */
async function recover(): Promise<Ended> {
  let ended = await recoverOnce();
  for (let tries = 1; tries < 4 && ended.code !== 0; tries++) {
    await sleep(3000);
    ended = await recoverOnce();
  }
  return ended;
}

function recoverOnce(): Promise<Ended> {
  return cli(["recover", web.name, "--now"]);
}

/** What is not as it must be: the VM once, with its VF, and nothing left of the move. */
async function wrongs(
  lab: LabState,
  { ends = ["moved", "stays"], phase }: Fault,
  code: number,
  source: LabHost,
  destination: LabHost,
  asked: readonly LabHost[] = hosts,
): Promise<string[]> {
  const found: string[] = [];
  const states = await Promise.all(
    asked.map(async (host) => ({
      host,
      state: (
        await ssh(lab.image, host, `virsh -q domstate ${web.name} 2>/dev/null`, { accept: [0, 1] })
      ).stdout.trim(),
    })),
  );
  const active = states.filter(({ state }) => state !== "" && state !== "shut off");
  const end: End =
    active.length === 0
      ? "off"
      : active[0]?.host === destination
        ? "moved"
        : phase === "before" && code === 1
          ? "refused"
          : "stays";
  if (!ends.includes(end)) found.push(`it ended as "${end}" (exit code ${code}), not as ${ends.join(" or ")}`);
  if (end === "off") {
    if (!ends.includes("off")) return [...found, "the VM does not run any more"];
    const home = states.find(({ state }) => state === "shut off")?.host ?? source;
    found.push(...(await leftBehind(lab, undefined, asked)));
    await ssh(lab.image, home, `virsh -q start ${web.name}`);
    return found;
  }
  if (active.length > 1)
    found.push(`it runs on ${active.map(({ host, state }) => `${host.name} (${state})`).join(" and ")}`);
  const [here] = active;
  if (here === undefined) return found;
  if (here.state !== "running") found.push(`it is ${here.state}`);
  if (states.some(({ host, state }) => host !== here.host && state !== ""))
    found.push("a definition stayed on the other host");
  for (const flags of ["", "--inactive"]) {
    const xml = (await ssh(lab.image, here.host, `virsh dumpxml ${flags} ${web.name}`)).stdout;
    if (!xml.includes("<teaming type='transient'"))
      found.push(`no VF in its ${flags === "" ? "live XML" : "definition"}`);
    if (xml.includes("journal")) found.push("a journal is left");
  }
  found.push(...(await leftBehind(lab, here.host, asked)));
  await guestShows(
    lab,
    web,
    here.host,
    (nics) => nics.some(({ driver, master, carrier }) => driver === "igbvf" && master !== undefined && carrier),
    40,
  ).catch((error: unknown) => found.push(String(error)));
  const [program, args] = inNamespace(["ping", "-n", "-c", "3", "-i", "0.3", "-w", "15", web.address]);
  await run(program, args).catch(() => found.push("the guest does not answer over the network"));
  return found;
}

/** VFs that are bound to vfio although no VM has them. */
async function leftBehind(lab: LabState, home: LabHost | undefined, asked: readonly LabHost[]): Promise<string[]> {
  const counts = await Promise.all(
    asked.map(async (host) => {
      const { stdout } = await ssh(
        lab.image,
        host,
        `for v in /sys/class/net/${physicalFunction}/device/virtfn*; do basename "$(readlink $v/driver || echo none)"; done`,
      );
      const drivers = stdout.trim().split("\n");
      // A VM that is shut off keeps the VF of its definition reserved.
      const allowed = host === home ? [1] : home === undefined ? [0, 1] : [0];
      const bound = drivers.filter((driver) => driver === "vfio-pci").length;
      return [
        ...(allowed.includes(bound) ? [] : [`${bound} VFs on vfio-pci on ${host.name}`]),
        ...(drivers.includes("none") ? [`an unbound VF on ${host.name}`] : []),
      ];
    }),
  );
  return counts.flat();
}

async function whereIsWeb(lab: LabState): Promise<[LabHost, LabHost]> {
  const [one, two] = hosts as [LabHost, LabHost];
  const { stdout } = await ssh(lab.image, one, `virsh -q domstate ${web.name} 2>/dev/null`, { accept: [0, 1] });
  return stdout.trim() === "running" ? [one, two] : [two, one];
}

/** The fault before must be over: the guest has both halves. */
async function settled(lab: LabState, host: LabHost): Promise<void> {
  await guestShows(
    lab,
    web,
    host,
    (nics) => nics.filter(({ master, carrier }) => master !== undefined && carrier).length === 2,
    120,
  );
}

/** A command of ours that is over, and all but the steps that it told. */
interface Ended {
  readonly code: number;
  readonly said: string;
}

function endOf({ code, said }: Ended): string {
  return `ended with ${code}: ${said.trim().slice(-400)}`;
}

function cli(
  args: readonly string[],
  onStart: (child: ChildProcess) => void = () => undefined,
  onPhase: (phase: string) => void = () => undefined,
): Promise<Ended> {
  // `ip netns exec` replaces itself by the program: a signal to it is a signal to our process.
  const [program, argv] = inNamespace([
    process.execPath,
    join(root, "dist/cli/main.js"),
    ...args,
    "--json",
    "--config",
    configFile(),
  ]);
  const child = spawn(program, argv, { cwd: running, stdio: ["ignore", "pipe", "pipe"] });
  onStart(child);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  createInterface({ input: child.stderr }).on("line", (line) => {
    const phase = /"phase":"(\w+)"/.exec(line)?.[1];
    if (phase !== undefined) onPhase(phase);
    else said += `${line}\n`;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, said }));
  });
}

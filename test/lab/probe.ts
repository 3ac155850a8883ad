/**
 * The peer outside the hosts: one ICMP echo every 50 ms through the emulated switch to a guest. iputils' ping sends and
 * writes a log; this module reads the log.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { running } from "./layout.js";
import { inNamespace } from "./network.js";

/** Seconds between two probes. */
export const probeInterval = 0.05;

const pidFile = join(running, "probe.pid");
const logFile = join(running, "probe.log");

export interface ProbeResult {
  readonly sent: number;
  readonly lost: number;
  /** When each lost probe was sent, in seconds since the epoch. */
  readonly lostAt: readonly number[];
  /** When the first and the last answered probe were sent. */
  readonly from: number;
  readonly to: number;
}

export function probing(): boolean {
  return probePid() !== undefined;
}

/** The process number of the ping that runs. */
function probePid(): number | undefined {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, "utf8"));
  // The number may have gone to another process; and 0 would mean this process's whole group.
  return pid > 0 && existsSync(`/proc/${pid}/comm`) && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "ping"
    ? pid
    : undefined;
}

/** Starts probing an address; a probe that still runs is stopped first. Ends by itself after an hour. */
export async function startProbe(address: string): Promise<void> {
  if (probing()) await stopProbe();
  const log = openSync(logFile, "w");
  const [program, args] = inNamespace(["ping", "-n", "-D", "-i", String(probeInterval), "-w", "3600", address]);
  const child = spawn(program, args, { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  child.unref();
  if (child.pid === undefined) throw new Error("Unable to start ping in the lab's namespace.");
  writeFileSync(pidFile, String(child.pid));
}

/** Stops the probe and says what was lost. @throws Error when none runs. */
export async function stopProbe(): Promise<ProbeResult> {
  const pid = probePid();
  if (pid === undefined) throw new Error("No probe runs: start one with `npm run lab -- probe start`.");
  process.kill(pid, "SIGINT");
  for (let i = 0; i < 100 && existsSync(`/proc/${pid}`); i++) await sleep(50);
  rmSync(pidFile, { force: true });
  return parseProbeLog(readFileSync(logFile, "utf8"));
}

/** What the probe saw up to now, without stopping it. */
export function readProbe(): ProbeResult {
  return parseProbeLog(existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
}

/**
 * Reads `ping -D`'s lines: `[1700000000.123456] 64 bytes from 10.78.0.50: icmp_seq=7 ttl=64 time=1.23 ms`.
 * A lost probe's time is interpolated between its answered neighbours, since ping says nothing about it.
 * ping counts sequence numbers modulo 65536.
 */
export function parseProbeLog(log: string): ProbeResult {
  const answered = new Map<number, number>();
  let wraps = 0;
  let previous = 0;
  for (const match of log.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from [^:]+: icmp_seq=(\d+) .*?time=([\d.]+) ms/gm)) {
    const raw = Number(match[2]);
    // Answers may come a little out of order; only a fall by half the range is a wrap.
    if (raw + 32768 < previous % 65536) wraps += 1;
    const sequence = raw + wraps * 65536;
    previous = sequence;
    if (!answered.has(sequence)) answered.set(sequence, Number(match[1]) - Number(match[3]) / 1000);
  }
  const sequences = [...answered.keys()].sort((a, b) => a - b);
  const first = sequences[0];
  const last = sequences.at(-1);
  if (first === undefined || last === undefined) return { sent: 0, lost: 0, lostAt: [], from: 0, to: 0 };
  const lostAt: number[] = [];
  for (let index = 1; index < sequences.length; index++) {
    const before = sequences[index - 1] ?? first;
    const after = sequences[index] ?? last;
    const start = answered.get(before) ?? 0;
    const step = ((answered.get(after) ?? 0) - start) / (after - before);
    for (let missing = before + 1; missing < after; missing++) lostAt.push(start + step * (missing - before));
  }
  return {
    sent: last - first + 1,
    lost: lostAt.length,
    lostAt,
    from: answered.get(first) ?? 0,
    to: answered.get(last) ?? 0,
  };
}

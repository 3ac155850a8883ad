/** CPU seconds that a host spends during a move: its kernel's own count, told five times a second over one SSH connection. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { LabState } from "../lab/lab.js";
import type { LabHost } from "../lab/layout.js";
import { sshCommand } from "../lab/ssh.js";

export interface CpuSample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Seconds since the host's start that its processors worked for itself; what guests ran is not among them. */
  readonly seconds: number;
}

/** No process is started for a look. It ends with its standard input. */
const script = `exec bash -c 'while read -r line < /proc/stat; do echo "$line"; read -r -t 0.2; [ $? -gt 128 ] || break; done'`;

/** In proc(5) the times are in ticks, 100 a second on every machine that Linux calls x86. */
const ticksPerSecond = 100;

/** Of the first line of /proc/stat: `cpu user nice system idle iowait irq softirq steal guest guest_nice`. */
export function parseCpuSeconds(line: string): number | undefined {
  const ticks = /^cpu +((?:\d+ ?){10})$/.exec(line.trim())?.[1]?.trim().split(" ").map(Number);
  if (ticks === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, , guest = 0, guestNice = 0] = ticks;
  // user and nice have the guests' time in them.
  return (user + nice + system + irq + softirq - guest - guestNice) / ticksPerSecond;
}

/** CPU seconds between two moments, in milliseconds since the epoch; NaN where the samples do not reach so far. */
export function cpuSecondsBetween(samples: readonly CpuSample[], from: number, to: number): number {
  return secondsAt(samples, to) - secondsAt(samples, from);
}

function secondsAt(samples: readonly CpuSample[], at: number): number {
  const index = samples.findIndex((sample) => sample.at >= at);
  const [before, after] = [samples[index - 1], samples[index]];
  if (after === undefined) return NaN;
  if (after.at === at) return after.seconds;
  if (before === undefined) return NaN;
  return before.seconds + ((after.seconds - before.seconds) * (at - before.at)) / (after.at - before.at);
}

export class HostCpu {
  private readonly samples: CpuSample[] = [];
  private readonly child;

  constructor({ image }: LabState, host: LabHost) {
    const [program, args] = sshCommand(image, host, script);
    this.child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.child.stdin.on("error", () => undefined);
    createInterface(this.child.stdout).on("line", (line) => {
      const seconds = parseCpuSeconds(line);
      if (seconds !== undefined) this.samples.push({ at: Date.now(), seconds });
    });
  }

  /** Whether it tells by now. */
  get tells(): boolean {
    return this.samples.length > 0;
  }

  between(from: number, to: number): number {
    return cpuSecondsBetween(this.samples, from, to);
  }

  stop(): void {
    this.child.stdin.end();
  }
}

/**
 * Makes a guest speak while its pair changes hands, so that every switch knows at once which port its MAC is behind.
 * Needs more than libvirt's socket: python3 and root on the host. Where that is not to be had, the move goes on without.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod";
import { foreignText } from "../../../model/foreign-text.js";
import { reasonOf } from "../../../model/problem.js";
import { formatPciAddress, type PciAddress } from "../xml/pci-address.js";
import type { LibvirtHost } from "../host.js";
import { remotePython } from "../transport/index.js";
import { vfLink } from "../vf-settings/vf-link.js";

/** Seconds between two questions while something changes hands. */
export const probeInterval = 0.05;

export interface AnnouncerTask {
  /** The standby's bridge on that host. */
  readonly bridge: string;
  readonly mac: string;
  /** IPv4 addresses of the guest, as far as they are known. */
  readonly addresses: readonly string[];
  /** The VF that is about to leave, where it does: its MAC filter is cleared as soon as the guest has released it. */
  readonly vf?: string | undefined;
  /** Seconds after which the program ends by itself, whatever becomes of us. */
  readonly seconds: number;
}

/**
 * `fast`: ask 20 times a second; `slow`: once. `here`: the guest is about to live on its standby on this host; `unplugging`:
 * so it is, for its VF is leaving; `gone`: no longer. `apart`: the bridge's uplinks take nothing in for it, until `here`.
 */
export type AnnouncerWord = "fast" | "slow" | "here" | "unplugging" | "apart" | "gone";

export interface Announcer {
  tell(word: AnnouncerWord): void;
  /**
   * `plugging`: the guest is about to be given this VF; `plugged`: it has it. Until `gone` it receives through the VF what comes to
   * its standby: from `plugged` on, or as soon as the PF gives frames for its MAC to the VF.
   */
  tellOfVf(word: "plugging" | "plugged", vf: PciAddress, vlan?: number): void;
  /** The port of the bridge behind which it saw the guest's MAC last, and since when. */
  readonly seen: Seen | undefined;
  /** Resolves when the guest's MAC is behind a port for which `wanted` holds; false after `timeout` seconds. */
  seenBehind(wanted: (port: string) => boolean, timeout: number): Promise<boolean>;
  /** The same when the guest has answered there since it was told `plugged`: a single frame may have come by a port that it does not use. */
  answersBehind(wanted: (port: string) => boolean, timeout: number): Promise<boolean>;
  stop(): void;
}

export interface Seen {
  readonly port: string;
  /** Milliseconds. */
  readonly at: number;
}

/** Characters of a line, and lines in a move: our program stays far below both. */
const longestLine = 1024;
const mostLines = 1000;

/** What the program says. A host is not trusted to say more than this. */
const saying = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ address: z.ipv4() }),
  z.strictObject({ cleared: z.string().max(20) }),
  z.strictObject({ copied: z.number() }),
  z.strictObject({ port: z.string().max(15), at: z.number() }),
  z.strictObject({ answers: z.string().max(15) }),
]);

export interface AnnouncerEvents {
  readonly onAddress?: (address: string) => void;
  readonly onPort?: (port: string) => void;
  /** The VF's MAC filter was cleared, before libvirt did it. */
  readonly onCleared?: () => void;
  /** So many frames went to the guest's VF that came to its standby. */
  readonly onCopied?: (frames: number) => void;
  /** It is not listened to any more, and why. */
  readonly onGivenUp?: (why: string) => void;
}

/** A constant of this package, with nothing of the task in it: that goes over standard input. */
const program = remotePython(`${vfLink}${readFileSync(join(__dirname, "announcer.py"), "utf8")}`);

/**
 * Starts the program on a host.
 * @returns a reason instead, where the host does not allow or cannot run it.
 */
export async function startAnnouncer(
  host: LibvirtHost,
  task: AnnouncerTask,
  events: AnnouncerEvents = {},
): Promise<Announcer | string> {
  const start = await host.commands();
  if (start === undefined) return `host "${host.name}" has no SSH connection: its URI is not qemu+ssh`;
  let channel;
  try {
    channel = await start(program);
  } catch (error) {
    return `commands cannot be run on "${host.name}": ${reasonOf(error)}`;
  }
  const { stdin, stdout, stderr } = channel;
  let complaint = "";
  stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-500);
  });
  // The program may be gone before it has read everything.
  stdin.on("error", () => undefined);
  stdin.write(`${JSON.stringify({ ...task, interval: probeInterval })}\n`);

  let seen: Seen | undefined;
  let answers: string | undefined;
  const waiting = new Set<() => void>();
  const stop = (): void => {
    stdin.end();
  };
  return new Promise((resolve) => {
    const cancelStart = host.clock.after(10_000, () => {
      stop();
      resolve(`python3 on "${host.name}" did not start within 10 s`);
    });
    const onLine = (line: string): void => {
      const said = parse(line);
      if (said === undefined) return;
      if ("ready" in said) {
        cancelStart();
        resolve({
          tell: (word) => stdin.write(`${word}\n`),
          tellOfVf: (word, vf, vlan = 0) => stdin.write(`${word} ${formatPciAddress(vf)} ${vlan}\n`),
          get seen() {
            return seen;
          },
          seenBehind: (wanted, timeout) => untilBehind(() => seen?.port, wanted, timeout),
          answersBehind: (wanted, timeout) => untilBehind(() => answers, wanted, timeout),
          stop,
        });
      } else if ("address" in said) events.onAddress?.(said.address);
      else if ("cleared" in said) events.onCleared?.();
      else if ("copied" in said) events.onCopied?.(said.copied);
      else {
        if ("answers" in said) answers = said.answers;
        else {
          answers = undefined;
          seen = { port: said.port, at: host.clock.now() };
          events.onPort?.(said.port);
        }
        for (const look of waiting) look();
      }
    };
    const onExcess = (why: string): void => {
      stop();
      stdout.destroy();
      events.onGivenUp?.(`the announcer on "${host.name}" sent ${why}`);
    };
    eachLine(stdout, onLine, onExcess);
    const onEnd = (): void => {
      cancelStart();
      resolve(`python3 on "${host.name}" ended: ${reasonFor(complaint)}`);
      for (const look of waiting) look();
    };
    stdout.once("end", onEnd);
    stdout.once("close", onEnd);
  });

  function untilBehind(
    portNow: () => string | undefined,
    wanted: (port: string) => boolean,
    timeout: number,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      const decide = (isBehind: boolean): void => {
        cancel();
        waiting.delete(look);
        resolve(isBehind);
      };
      const cancel = host.clock.after(timeout * 1000, () => decide(false));
      const look = (): void => {
        const port = portNow();
        if (port !== undefined && wanted(port)) decide(true);
      };
      waiting.add(look);
      look();
    });
  }
}

/** The last line of what it says; without root, what to do. */
function reasonFor(complaint: string): string {
  const line = complaint.trim().split("\n").at(-1) ?? "";
  const reason = line === "" ? "no reason given" : foreignText(line);
  return /^sudo: |^PermissionError/.test(line)
    ? `${reason} (the announcer needs root on the host; docs/ssh.md has the sudoers line)`
    : reason;
}

/** Calls `each` for every whole line, until there are too many, or one is too long. */
function eachLine(from: Readable, each: (line: string) => void, exceeded: (why: string) => void): void {
  let begun = "";
  let count = 0;
  let over = false;
  const end = (why: string): void => {
    over = true;
    begun = "";
    exceeded(why);
  };
  from.setEncoding("utf8");
  from.on("data", (chunk: string) => {
    if (over) return;
    const lines = (begun + chunk).split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) {
      count += 1;
      if (count > mostLines || line.length > longestLine) {
        end(count > mostLines ? `more than ${mostLines} lines` : `a line of more than ${longestLine} characters`);
        return;
      }
      each(line);
    }
    if (begun.length > longestLine) end(`a line of more than ${longestLine} characters`);
  });
}

function parse(line: string): z.output<typeof saying> | undefined {
  try {
    return saying.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/**
 * The guest's clock beside ours. It stands still while the guest does: a migrated guest gets the time that it had when the source stopped
 * it (QEMU, hw/i386/kvm/clock.c). So its kernel log alone does not tell how long something took that the switch-over lies in.
 */
import { z } from "zod";
import { run } from "../lab/command.js";
import type { LabGuest } from "../lab/layout.js";
import { inNamespace } from "../lab/network.js";

/** Seconds since some moment of each clock's own, read together. */
export interface ClockReading {
  readonly ours: number;
  readonly guests: number;
}

/** Seconds within which a guest is reached whose pair was just made. */
const reachable = 60;

/** What the guest is told on the port where it obeys (guest/init), and when it had answered. */
const program = `
import json, socket, sys, time
end = time.time() + ${reachable}
while True:
    try:
        with socket.create_connection((sys.argv[1], 7000), 5) as guest:
            asked = time.time()
            guest.sendall(b"cat /proc/uptime; exit\\n")
            guest.settimeout(5)
            told = float(guest.recv(100).split()[0])
        break
    except (OSError, IndexError):
        if time.time() > end:
            raise
        time.sleep(0.5)
print(json.dumps({"ours": (asked + time.time()) / 2, "guests": told}))
`;

const reading = z.object({ ours: z.number(), guests: z.number() });

/** Within some hundredths of a second. @throws Error where the guest cannot be reached within a minute, or does not obey. */
export async function readClocks(guest: LabGuest): Promise<ClockReading> {
  const [python, args] = inNamespace(["python3", "-c", program, guest.address]);
  return reading.parse(JSON.parse((await run(python, args)).stdout));
}

/**
 * How long something took between two moments of the guest's kernel log.
 * @param around readings before and after it, between which the guest stood still at most once.
 */
export function secondsBetween(from: number, to: number, around: readonly [ClockReading, ClockReading]): number {
  const [before, after] = around;
  const stoodStill = after.ours - before.ours - (after.guests - before.guests);
  return to - from + Math.max(0, stoodStill);
}

/** What to do next, in the words of who moves the VM: a `pulumi` command, or the command line. */

export interface Advice {
  /** Tries once more what failed: `run pulumi up again`. */
  readonly retry: string;
  /** Plugs a VF that is missing, once there is one. */
  readonly plug: (vm: string) => string;
  /** Brings a VF back that the engine cannot plug beside its standby. A sentence's end, with its full stop. */
  readonly powerCycle: (vm: string, nic: string) => string;
  /** Looks how things stand once the engine is done. */
  readonly look: string;
}

/** When pulumi up plugs what is missing: it refuses to move a VM that is down. */
export type PowerCycle = "up while down" | "up after the start";

export function powerCycleOf(vm: string, cycle: PowerCycle): string {
  return cycle === "up while down"
    ? `shut VM "${vm}" down, run pulumi up, and start it.`
    : `shut VM "${vm}" down and start it, then run pulumi up.`;
}

/** @param cycle where a power cycle is needed */
export function pulumiAdviceWith(cycle: PowerCycle): Advice {
  return {
    retry: "run pulumi up again",
    plug: () => "run pulumi up again",
    powerCycle: (vm) => powerCycleOf(vm, cycle),
    look: "run pulumi refresh",
  };
}

export const pulumiAdvice: Advice = pulumiAdviceWith("up while down");

/** Plugging a NIC whose VF the engine has lost. */
import {
  findNic,
  OvirtFault,
  type EngineClient,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError, type Problem } from "../../problem.js";
import { setPlugged } from "./plugging.js";
import { readyForNics } from "./settled.js";

/** When pulumi up plugs what is missing: it refuses to move a VM that is down. */
export type PowerCycle = "up while down" | "up after the start";

export function powerCycleOf(vm: string, cycle: PowerCycle): string {
  return cycle === "up while down"
    ? `shut VM "${vm}" down, run pulumi up, and start it.`
    : `shut VM "${vm}" down and start it, then run pulumi up.`;
}

/** Of `readyForNics`. */
const refusedHere: readonly string[] = ["migration-not-over", "vm-status"];

/**
 * Undefined: it is plugged. What the engine refuses is a problem to tell; whatever else goes wrong is thrown.
 *
 * After a migration the engine plugs VFs itself, later than it says that the VM is up: while it has not said that it is
 * done, nothing is plugged here.
 */
export async function replug(
  client: EngineClient,
  vm: EngineVm,
  nic: EngineNic,
  cycle: PowerCycle = "up while down",
): Promise<Problem | undefined> {
  try {
    const ready = await readyForNics(client, vm);
    if ((await findNic(client, vm.id, nic.id))?.plugged === true) return undefined;
    await setPlugged(client, ready, nic, true);
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError && refusedHere.includes(error.problem.code)) return error.problem;
    if (!(error instanceof OvirtFault)) throw error;
    return { ...error.problem, remedy: remedyOf(error, vm, cycle) };
  }
}

/**
 * Where the standby of a pair is still in the domain, plugging can't succeed: the engine plugs the VF and then the standby
 * once more, whose alias libvirt refuses as not unique, and takes the VF out again (ActivateDeactivateVmNicCommand.java).
 */
function remedyOf({ messageId }: OvirtFault, { name }: EngineVm, cycle: PowerCycle): string {
  return messageId === "ACTIVATE_NIC_FAILED"
    ? `The standby goes on working. The engine can't plug the VF beside it before a power cycle (a reboot is not enough): ${powerCycleOf(name, cycle)}`
    : "The standby goes on working. See to a free VF on the host, then run pulumi up again.";
}

/** Plugging a NIC whose VF the engine has lost. */
import {
  activateNic,
  findNic,
  OvirtFault,
  type EngineClient,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import type { Problem } from "../../problem.js";
import { migrationOver } from "./migration.js";

/** Seconds that a migration which is under way is waited for. */
const patience = 30;

/**
 * Undefined: it is plugged. What the engine refuses is a problem to tell; whatever else goes wrong is thrown.
 *
 * After a migration the engine plugs VFs itself, later than it says that the VM is up: while it has not said that it is
 * done, nothing is plugged here.
 */
export async function replug(client: EngineClient, vm: EngineVm, nic: EngineNic): Promise<Problem | undefined> {
  if (!(await migrationOver(client, vm, patience))) return notOver(vm);
  try {
    if ((await findNic(client, vm.id, nic.id))?.plugged === true) return undefined;
    await activateNic(client, vm.id, nic.id);
    return undefined;
  } catch (error) {
    if (!(error instanceof OvirtFault)) throw error;
    return { ...error.problem, remedy: remedyOf(error, vm) };
  }
}

/**
 * Where the standby of a pair is still in the domain, plugging can't succeed: the engine plugs the VF and then the standby
 * once more, whose alias libvirt refuses as not unique, and takes the VF out again (ActivateDeactivateVmNicCommand.java).
 */
function remedyOf({ messageId }: OvirtFault, { name }: EngineVm): string {
  return messageId === "ACTIVATE_NIC_FAILED"
    ? `The standby goes on working. The engine can't plug the VF beside it: shut VM "${name}" down and start it (a power cycle, a reboot is not enough), then run pulumi up again.`
    : "The standby goes on working. See to a free VF on the host, then run pulumi up again.";
}

/** The engine has not told that a migration is over. */
export function notOver({ name }: EngineVm): Problem {
  return {
    code: "migration-not-over",
    what: `Unable to plug a VF into VM "${name}": the engine has not said yet that its migration is over, and plugs VFs itself until then`,
    remedy: `Wait for the event "Migration completed" of VM "${name}" in the Administration Portal, then run pulumi up again.`,
  };
}

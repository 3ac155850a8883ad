/** Plugging a NIC whose VF the engine has lost. */
import {
  activateNic,
  OvirtFault,
  type EngineClient,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import type { Problem } from "../../problem.js";

/** Undefined: it is plugged. What the engine refuses is a problem to tell; whatever else goes wrong is thrown. */
export async function replug(client: EngineClient, vm: EngineVm, nic: EngineNic): Promise<Problem | undefined> {
  try {
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

/** Plugging a NIC whose VF the engine has lost. */
import {
  findNic,
  OvirtFault,
  type EngineClient,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError, type Problem } from "../../model/problem.js";
import type { Progress } from "../../model/progress.js";
import { capitalised } from "../../model/wording.js";
import { pulumiAdvice, type Advice } from "../../backends/ovirt/advice.js";
import { setPlugged } from "../../backends/ovirt/plugging.js";
import { readyForNics } from "../../backends/ovirt/stable-vm.js";
import { nicsWithoutVf, spelledVf } from "./vm.js";

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
  advice: Advice = pulumiAdvice,
): Promise<Problem | undefined> {
  try {
    const ready = await readyForNics(client, vm, { advice });
    if ((await findNic(client, vm.id, nic.id))?.plugged === true) return undefined;
    await setPlugged(client, ready, nic, true);
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError && refusedHere.includes(error.problem.code)) return error.problem;
    if (!(error instanceof OvirtFault)) throw error;
    return { ...error.problem, state: "The standby keeps working.", remedy: remedyOf(error, vm, nic, advice) };
  }
}

/**
 * Plugs what a VM lacks, as far as REST allows.
 * @param expected ids of NICs that should be plugged. @returns what the engine said against it.
 */
export async function plugMissing(
  client: EngineClient,
  vm: EngineVm,
  expected: readonly string[],
  { progress, advice }: { readonly progress: Progress; readonly advice?: Advice },
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const nic of await nicsWithoutVf(client, vm, expected)) {
    progress.report({ phase: "plug", message: spelledVf(nic) });
    const problem = await replug(client, vm, nic, advice);
    if (problem === undefined)
      progress.warn(
        `The ${spelledVf(nic)} of VM "${vm.name}" was missing, and was plugged again${vm.status === "down" ? ", for the VM's next start" : ""}.`,
      );
    else problems.push(problem);
  }
  return problems;
}

/**
 * Where the standby of a pair is still in the domain, plugging can't succeed: the engine plugs the VF and then the standby
 * once more, whose alias libvirt refuses as not unique, and takes the VF out again (ActivateDeactivateVmNicCommand.java).
 */
function remedyOf({ messageId }: OvirtFault, { name }: EngineVm, nic: EngineNic, { plug, powerCycle }: Advice): string {
  return messageId === "ACTIVATE_NIC_FAILED"
    ? `A reboot is not enough: the engine can plug the VF only after a power cycle. ${capitalised(powerCycle(name, nic.name))}`
    : `Free a VF on the host, then ${plug(name)}.`;
}

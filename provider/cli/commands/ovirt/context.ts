/** What the commands have on oVirt. */
import type { Advice } from "../../../backends/ovirt/advice.js";
import { engineOptions } from "../../../handlers/ovirt/move.js";
import type { Engine } from "../../../handlers/ovirt/session.js";
import type { MigrationOptions } from "../../../migration/options.js";
import { ProblemError } from "../../../model/problem.js";
import type { CommandConsole } from "../../command.js";
import { shellWord } from "../../../model/shell-word.js";
import { flagOf } from "../../migration-options.js";

export interface EngineContext extends CommandConsole {
  readonly engine: Engine;
}

/** What to do next, at a shell. */
export const commandAdvice: Advice = {
  retry: "run the command again",
  plug: (vm) => `run vnic-failover recover ${shellWord(vm)}`,
  powerCycle: (vm, nic) => `shut VM "${vm}" down, plug NIC "${nic}" in the Administration Portal, and start the VM.`,
  look: "run vnic-failover status",
};

/** @throws ProblemError that names each flag which the engine does not take. */
export function refuseForeignOptions(given: readonly (keyof MigrationOptions)[]): void {
  const own: readonly string[] = engineOptions;
  const foreign = given.filter((option) => !own.includes(option)).map((option) => flagOf([option]));
  if (foreign.length === 0) return;
  throw new ProblemError({
    code: "option-not-on-ovirt",
    what: `Unable to use ${foreign.join(", ")} on oVirt: the migration policy of the cluster or VM decides this`,
    remedy: `Set the policy in the Administration Portal. On oVirt a move accepts only ${engineOptions.map((option) => flagOf([option])).join(", ")}.`,
  });
}

/**
 * A VM that the engine has done with: neither a migration of its own or of others is going on, whose NICs would be
 * plugged beneath our hands, nor is its status one that passes.
 */
import { findVm, migrationGoesOn, type EngineClient, type EngineVm } from "./rest/index.js";
import { ProblemError, type Problem } from "../../model/problem.js";
import { pulumiAdvice, type Advice } from "./advice.js";
import { until } from "./until.js";

/** Seconds that a migration which others began, or a passing status, is waited for at most. */
export const patience = 120;

export interface Waiting {
  /** Default: {@link patience}. */
  readonly seconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: that of a `pulumi` command. */
  readonly advice?: Advice | undefined;
}

/** The engine changes and plugs NICs of VMs in these only (UpdateVmInterfaceCommand.java). */
const forNics: readonly string[] = ["up", "down", "image_locked"];

/** These become others by themselves (types/VmStatus.java). */
const passing: readonly string[] = [
  "migrating",
  "powering_up",
  "powering_down",
  "reboot_in_progress",
  "restoring_state",
  "saving_state",
  "wait_for_launch",
];

/**
 * The VM as it is when no migration of it goes on, also none that others began: the engine takes a request from `up` on
 * and plugs NICs later, so that they would be taken for unplugged.
 * @throws ProblemError `migration-not-over`, `vm-gone`
 */
export async function withoutMigration(client: EngineClient, vm: EngineVm, waiting: Waiting = {}): Promise<EngineVm> {
  return (await over(client, vm, waiting)) ?? Promise.reject(new ProblemError(notOver(vm, waiting.advice)));
}

/**
 * The VM as it is when the engine takes a change of its NICs.
 * @throws ProblemError `migration-not-over`, `vm-status`, `vm-gone`
 */
export async function readyForNics(client: EngineClient, vm: EngineVm, waiting: Waiting = {}): Promise<EngineVm> {
  let now = await withoutMigration(client, vm, waiting);
  await until(waiting, waiting.seconds ?? patience, async () => {
    if (!passing.includes(now.status)) return true;
    now = await existing(client, vm);
    return undefined;
  });
  if (forNics.includes(now.status)) return now;
  throw new ProblemError(statusRefused(now, waiting.advice));
}

/** Undefined: the engine will take a change of the VM's NICs, now or when the status has passed. */
export function lastingRefusal(vm: EngineVm): Problem | undefined {
  return forNics.includes(vm.status) || passing.includes(vm.status) ? undefined : statusRefused(vm);
}

/** Whether the engine refuses a change of the VM's NICs until its status has passed. */
export function isPassing({ status }: EngineVm): boolean {
  return passing.includes(status);
}

/** The engine has not told that a migration is over. */
export function notOver({ name }: EngineVm, { plug }: Advice = pulumiAdvice): Problem {
  return {
    code: "migration-not-over",
    what: `Unable to change VM "${name}": the engine has not reported the end of its migration yet, and plugs VFs itself until then`,
    remedy: `Wait for the event "Migration completed" of VM "${name}" in the Administration Portal, then ${plug(name)}.`,
  };
}

async function over(
  client: EngineClient,
  vm: EngineVm,
  { seconds = patience, signal }: Waiting,
): Promise<EngineVm | undefined> {
  return until({ signal }, seconds, async () => {
    const now = await existing(client, vm);
    if (now.status === "down") return now;
    return now.status === "migrating" || (await migrationGoesOn(client, vm.id)) ? undefined : now;
  });
}

async function existing(client: EngineClient, { id, name }: EngineVm): Promise<EngineVm> {
  const now = await findVm(client, id);
  if (now !== undefined) return now;
  throw new ProblemError({
    code: "vm-gone",
    what: `Unable to change VM "${name}": the engine no longer has it`,
    remedy: "Run pulumi refresh.",
  });
}

function statusRefused({ name, status }: EngineVm, { plug }: Advice = pulumiAdvice): Problem {
  return {
    code: "vm-status",
    what: `Unable to change the NICs of VM "${name}": it is in status ${status}, and the engine changes only those of VMs that are up or down`,
    remedy: passing.includes(status)
      ? `Wait until the VM is up or down, then ${plug(name)}.`
      : `Start or resume the VM, or shut it down, then ${plug(name)}.`,
  };
}

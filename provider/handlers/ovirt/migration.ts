/** A migration that the engine does, from its begin to where it really ended. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  EngineUnreachable,
  eventsAfter,
  findJob,
  findVm,
  listNics,
  migrateVm,
  migrationProgress,
  newestEvent,
  type EngineClient,
  type EngineEvent,
  type EngineHost,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../problem.js";
import type { Progress } from "../../progress.js";

export interface MigrationRequest {
  readonly vm: EngineVm;
  readonly host: EngineHost;
  /** Seconds until nobody waits for the migration any more. The engine goes on with it. */
  readonly migrateTimeout: number;
  /** Seconds for the engine to plug the VFs, once the VM is up. */
  readonly plugTimeout: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface MigrationEnd {
  /** As it is now. */
  readonly vm: EngineVm;
  /** What the engine's events say went wrong. */
  readonly complaints: readonly string[];
}

/** ms between two looks: the first ones are near each other, for a VM that moves at once. */
const shortestPause = 50;
const longestPause = 1000;

/**
 * Migrates, and waits until the VM is up and what was plugged is plugged again, or will not be.
 * @throws ProblemError when the engine does not begin, does not answer, or takes too long.
 */
export async function migrate(client: EngineClient, request: MigrationRequest): Promise<MigrationEnd> {
  const { vm, host, progress } = request;
  const [seen, before] = await Promise.all([newestEvent(client), pluggedNics(client, vm)]);
  progress.report({ phase: "migrate", percent: 0, message: `${vm.name} to ${host.name}` });
  const correlationId = randomUUID();
  const job = await begin(client, vm, host, correlationId);

  const moved = await until(request, request.migrateTimeout, async () => {
    const now = await findVm(client, vm.id);
    if (now === undefined) throw gone(vm);
    if (now.status !== "migrating") return now.host !== host.id && (await goesOn(client, job)) ? undefined : now;
    const percent = await migrationProgress(client, vm.id);
    progress.report({
      phase: "migrate",
      message: `${vm.name} to ${host.name}`,
      ...(percent !== undefined && { percent }),
    });
    return undefined;
  });
  if (moved === undefined) throw tooLong(request);

  const complaints = async (): Promise<readonly EngineEvent[]> =>
    (await eventsAfter(client, seen))
      .filter((event) => event.vm?.id === vm.id || event.correlationId === correlationId)
      .filter(({ severity }) => severity === "error" || severity === "alert");
  if (moved.host === host.id) {
    // The engine says that the VM is up, and plugs the VFs only then (MigrateVmCommand.java runningSucceded).
    progress.report({ phase: "plug", message: `the engine plugs the VFs on ${host.name}` });
    await until(request, request.plugTimeout, async () => {
      const now = await pluggedNics(client, vm);
      if (before.every(({ id }) => now.some((nic) => nic.id === id))) return true;
      // Without a job, only an event tells that the engine has given up.
      const over = job === undefined ? (await complaints()).length > 0 : !(await goesOn(client, job));
      return over ? true : undefined;
    });
  }
  return {
    vm: (await findVm(client, vm.id)) ?? moved,
    complaints: (await complaints()).map(({ description }) => description.trim()),
  };
}

/** The plugged passthrough NICs: those that the engine unplugs before a migration, and is to plug after it. */
export async function pluggedNics(client: EngineClient, vm: EngineVm): Promise<readonly EngineNic[]> {
  return (await listNics(client, vm.id)).filter((nic) => nic.interface === "pci_passthrough" && nic.plugged);
}

/** Where the answer was lost, the VM itself says whether the request arrived. */
async function begin(
  client: EngineClient,
  vm: EngineVm,
  host: EngineHost,
  correlationId: string,
): Promise<string | undefined> {
  try {
    return await migrateVm(client, vm.id, host.id, { correlationId });
  } catch (error) {
    if (!(error instanceof EngineUnreachable) || !error.mayHaveArrived) throw error;
    const now = await findVm(client, vm.id);
    if (now?.status !== "migrating" && now?.host !== host.id) throw error;
    return undefined;
  }
}

async function goesOn(client: EngineClient, job: string | undefined): Promise<boolean> {
  return job !== undefined && (await findJob(client, job))?.status === "started";
}

/** The first answer that `look` has within the time; undefined: none. */
async function until<T>(
  { signal }: MigrationRequest,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = Date.now() + seconds * 1000;
  for (let pause = shortestPause; ; pause = Math.min(pause * 2, longestPause)) {
    const found = await look();
    if (found !== undefined || Date.now() >= end) return found;
    await sleep(pause, undefined, { ...(signal !== undefined && { signal }) });
  }
}

function gone({ name }: EngineVm): ProblemError {
  return new ProblemError({
    code: "vm-gone",
    what: `Unable to follow the migration of VM "${name}": the engine has it no longer`,
    remedy: "Run pulumi refresh.",
  });
}

function tooLong({ vm, host, migrateTimeout }: MigrationRequest): ProblemError {
  return new ProblemError({
    code: "migration-not-finished",
    what: `VM "${vm.name}" still migrates to host "${host.name}" after ${migrateTimeout} s, and the engine goes on with it`,
    remedy: "Wait for it or cancel it in the Administration Portal, then run pulumi refresh.",
  });
}

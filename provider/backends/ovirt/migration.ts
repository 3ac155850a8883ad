/**
 * A migration that the engine does, from its begin to where it really ended.
 *
 * The engine answers the request only when it has unplugged every VF, which takes as long as the guest takes; its job is
 * finished with that answer, and the VM is up on the destination before the engine plugs the VFs there. What tells the
 * end is an event with the request's correlation id, and until then nothing but reading is done.
 */
import { randomUUID } from "node:crypto";
import {
  endsMigration,
  endsMigrationsOfVm,
  eventCodes,
  eventsAfter,
  findVm,
  listNics,
  mayHaveArrived,
  migrateVm,
  migrationProgress,
  newestEvent,
  OvirtFault,
  type EngineClient,
  type EngineEvent,
  type EngineHost,
  type EngineNic,
  type EngineVm,
} from "./rest/index.js";
import { ProblemError } from "../../model/problem.js";
import type { Progress } from "../../model/progress.js";
import { pulumiAdvice, type Advice } from "./advice.js";
import { patience, withoutMigration, type Waiting } from "./stable-vm.js";
import { until } from "./until.js";

export interface MigrationRequest {
  readonly vm: EngineVm;
  readonly host: EngineHost;
  /** Seconds that the guest has to release each VF. The engine's hosts have a limit of their own, of 30 s. */
  readonly unplugTimeout: number;
  /** Seconds to wait for the migration. The engine carries on with it. */
  readonly migrateTimeout: number;
  /** Seconds for the engine to plug each of the VFs, once the VM is up. */
  readonly plugTimeout: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** The engine is about to be asked: from here on something may be changed. */
  readonly onAsk?: (() => void) | undefined;
  /** The engine has begun: the VFs are unplugged, and the VM migrates. */
  readonly onBegun?: (() => void) | undefined;
  /** Default: that of a `pulumi` command. */
  readonly advice?: Advice | undefined;
}

export interface MigrationEnd {
  /** As it is now. */
  readonly vm: EngineVm;
  /** What the engine's events say went wrong. */
  readonly complaints: readonly string[];
  /** All of its events, oldest first. */
  readonly events: readonly EngineEvent[];
  /** False: the engine has not told the end, and may still plug VFs. */
  readonly over: boolean;
}

/** ms that the engine itself takes for its answer, apart from what the guest takes. */
const answerMillis = 60_000;

/**
 * Migrates, and waits until the engine says that it is over: what was plugged is plugged again, or will not be.
 * @throws ProblemError when the engine does not begin, does not answer, or takes too long, also with an earlier migration;
 *   `cancelled` when it is no longer waited for.
 */
export async function migrate(client: EngineClient, request: MigrationRequest): Promise<MigrationEnd> {
  const { host, progress } = request;
  const vm = await withoutMigration(client, request.vm, waitingOf(request));
  // What others began has brought it there.
  if (vm.host === host.id) return { vm, complaints: [], events: [], over: true };
  const [seen, before] = await Promise.all([newestEvent(client), pluggedNics(client, vm)]);
  progress.report({ phase: "migrate", percent: 0, message: `${vm.name} to ${host.name}` });
  const correlationId = randomUUID();
  const news = new News(client, vm, correlationId, seen);
  request.onAsk?.();
  await begin(client, { ...request, vm }, { correlationId, news, vfs: before.length });
  request.onBegun?.();

  const moved = await followed(request, request.migrateTimeout, async () => {
    const now = await findVm(client, vm.id);
    if (now === undefined) throw gone(vm);
    if (now.status !== "migrating") {
      const ended = now.host === host.id || now.status === "down" || (await news.end()) !== undefined;
      return ended ? now : undefined;
    }
    const percent = await percentOf(client, vm);
    progress.report({
      phase: "migrate",
      message: `${vm.name} to ${host.name}`,
      ...(percent !== undefined && { percent }),
    });
    return undefined;
  });
  if (moved === undefined) throw tooLong(request);

  if (moved.host === host.id) {
    // The engine says that the VM is up, and plugs the VFs only then (MigrateVmCommand.java runningSucceded).
    progress.report({ phase: "plug", message: `the engine plugs the VFs on ${host.name}` });
    await followed(request, request.plugTimeout * Math.max(1, before.length), () => news.end());
  }
  const last = (await findVm(client, vm.id)) ?? moved;
  return {
    vm: last,
    complaints: await news.complaints(),
    events: await news.all(),
    over: last.status === "down" || (await news.end()) !== undefined,
  };
}

/** As {@link until}. @throws ProblemError `cancelled`: the engine goes on with what it has begun. */
async function followed<T>(
  request: MigrationRequest,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { vm, host, signal, advice = pulumiAdvice } = request;
  try {
    return await until(request, seconds, look);
  } catch (cause) {
    if (signal?.aborted !== true) throw cause;
    throw new ProblemError(
      {
        code: "cancelled",
        what: `The operation was cancelled while VM "${vm.name}" was migrating to host "${host.name}"`,
        state: "The engine continues the migration.",
        remedy: `Wait until the Administration Portal (Events) reports the end of the migration, then ${advice.look}.`,
      },
      { cause },
    );
  }
}

/** How long a migration that others began is waited for. */
export function waitingOf({
  migrateTimeout,
  signal,
  advice,
}: Pick<MigrationRequest, "migrateTimeout" | "signal" | "advice">): Waiting {
  return { seconds: Math.min(patience, migrateTimeout), signal, advice };
}

/** The plugged passthrough NICs: those that the engine unplugs before a migration, and is to plug after it. */
export async function pluggedNics(client: EngineClient, vm: EngineVm): Promise<readonly EngineNic[]> {
  return (await listNics(client, vm.id)).filter((nic) => nic.interface === "pci_passthrough" && nic.plugged);
}

/** For people only: that it can't be had does not end anything. */
async function percentOf(client: EngineClient, vm: EngineVm): Promise<number | undefined> {
  try {
    return await migrationProgress(client, vm.id);
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

/** What the engine's events tell of one migration. */
class News {
  constructor(
    private readonly client: EngineClient,
    private readonly vm: EngineVm,
    private readonly correlationId: string,
    private readonly seen: number,
  ) {}

  /** The event that ends it. That it was cancelled comes with the correlation id of who did, and that the VM crashed with none. */
  async end(): Promise<EngineEvent | undefined> {
    return (await this.all()).find(
      (event) =>
        (endsMigration(event) && event.correlationId === this.correlationId) ||
        (endsMigrationsOfVm(event) && event.vm?.id === this.vm.id),
    );
  }

  /** Whether the engine has the request. */
  async begun(): Promise<boolean> {
    return (await this.all()).some(({ correlationId }) => correlationId === this.correlationId);
  }

  /** Whether a guest or host did not release a device. */
  async unplugFailed(): Promise<boolean> {
    return (await this.all()).some(({ code }) => code === eventCodes.unplugFailed);
  }

  async complaints(): Promise<readonly string[]> {
    const events = await this.all();
    const cancelled = events.filter(({ code }) => code === eventCodes.migrationCancelled);
    const errors = events.filter(({ severity }) => severity === "error" || severity === "alert");
    return [...new Set([...cancelled, ...errors].map(({ description }) => description.trim().replaceAll(/\s+/g, " ")))];
  }

  async all(): Promise<readonly EngineEvent[]> {
    return (await eventsAfter(this.client, this.seen)).filter(
      (event) => event.vm?.id === this.vm.id || event.correlationId === this.correlationId,
    );
  }
}

interface Beginning {
  readonly correlationId: string;
  readonly news: News;
  /** How many VFs the guest has to release before the engine answers. */
  readonly vfs: number;
}

/** @throws ProblemError when the engine does not begin. */
async function begin(client: EngineClient, request: MigrationRequest, beginning: Beginning): Promise<void> {
  const { vm, host, unplugTimeout } = request;
  const { correlationId, news, vfs } = beginning;
  try {
    await migrateVm(client, vm.id, host.id, {
      correlationId,
      action: `migrate VM "${vm.name}" to host "${host.name}"`,
      answerTimeout: answerMillis + vfs * unplugTimeout * 1000,
    });
  } catch (error) {
    if (mayHaveArrived(error)) {
      if (await wasBegun(client, request, beginning)) return;
      throw error;
    }
    if (error instanceof OvirtFault && error.detail === undefined) throw await reasoned(error, request, news);
    throw error;
  }
}

/** The fault with the reason that only events have. */
async function reasoned(
  fault: OvirtFault,
  { vm, host, advice = pulumiAdvice }: MigrationRequest,
  news: News,
): Promise<ProblemError> {
  const [complaints, keptVf] = await Promise.all([news.complaints(), news.unplugFailed()]);
  if (complaints.length === 0) return fault;
  const why = complaints.map((text) => text.replace(/\.$/, "")).join("; ");
  return new ProblemError(
    {
      ...fault.problem,
      what: `Unable to migrate VM "${vm.name}" to host "${host.name}": ${why}`,
      remedy: keptVf
        ? `Check what uses the VF in the guest, then ${advice.retry}.`
        : `Resolve the problem reported by the engine, then ${advice.retry}.`,
    },
    // Without a detail the fault says no more than that.
    { cause: fault, causeIsTold: true, remedyFirst: true },
  );
}

/**
 * Where the answer was lost, the VM and the events say whether the request arrived. While the engine unplugs they say
 * nothing yet but that a VF is gone.
 */
async function wasBegun(client: EngineClient, request: MigrationRequest, { news, vfs }: Beginning): Promise<boolean> {
  const { vm, host, unplugTimeout } = request;
  const begun = await until(request, vfs * unplugTimeout, async () => {
    const now = await findVm(client, vm.id);
    return now?.status === "migrating" || now?.host === host.id || (await news.begun()) ? true : undefined;
  });
  return begun === true;
}

function gone({ name }: EngineVm): ProblemError {
  return new ProblemError({
    code: "vm-gone",
    what: `Unable to follow the migration of VM "${name}": the engine no longer has it`,
    remedy: "Run pulumi refresh.",
  });
}

function tooLong({ vm, host, migrateTimeout, advice = pulumiAdvice }: MigrationRequest): ProblemError {
  return new ProblemError({
    code: "migration-not-finished",
    what: `VM "${vm.name}" is still migrating to host "${host.name}" after ${migrateTimeout} s`,
    state: "The engine continues the migration.",
    remedy: `Wait for it to finish, or cancel it in the Administration Portal, then ${advice.look}.`,
  });
}

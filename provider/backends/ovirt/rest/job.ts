/** `/jobs` and `/events`: how what was begun went on. */
import { find, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { idOf, integerIn, oneOf, referenceIn, textIn } from "./reading.js";

export interface EngineJob {
  readonly id: string;
  readonly description: string;
  /** `unknown` also for a status that this package does not know. */
  readonly status: "started" | "finished" | "failed" | "aborted" | "unknown";
}

export interface EngineEvent {
  /** Rises from event to event. */
  readonly index: number;
  /** AuditLogType.java's number, see {@link eventCodes}. */
  readonly code: number;
  readonly severity: "normal" | "warning" | "error" | "alert" | "unknown";
  readonly description: string;
  readonly correlationId?: string | undefined;
  readonly vm?: { readonly id: string; readonly name: string | undefined } | undefined;
}

/** What the engine tells of a migration (ovirt-engine: AuditLogType.java). */
export const eventCodes = {
  migrationStarted: 62,
  migrationDone: 63,
  migrationAborted: 64,
  migrationFailed: 65,
  migrationToServerFailed: 120,
  migrationTriesAnotherHost: 128,
  /** Failed while the source was to go into maintenance; the second one without a destination. */
  migrationFailedInMaintenance: 140,
  migrationFailedInMaintenanceNowhere: 1111,
  /** Carries the correlation id of the request to cancel. */
  migrationCancelled: 161,
  /** Some VFs were not plugged again. The engine does nothing more about it. */
  notAllNicsPluggedBack: 12003,
  /** Nothing is known of which were. */
  pluggingNicsFailed: 12004,
} as const;

const ends: readonly number[] = [
  eventCodes.migrationDone,
  eventCodes.migrationAborted,
  eventCodes.migrationFailed,
  eventCodes.migrationToServerFailed,
  eventCodes.migrationFailedInMaintenance,
  eventCodes.migrationFailedInMaintenanceNowhere,
  eventCodes.migrationCancelled,
];

/**
 * Whether the event is the last one of a migration. The engine writes it when it has plugged what it will plug; its job is
 * `finished` long before, where the VM has a VF, and its VM is up before, too.
 */
export function endsMigration({ code }: EngineEvent): boolean {
  return ends.includes(code);
}

/** @throws XmlError */
export function parseJob(job: Element): EngineJob {
  return {
    id: idOf(job),
    description: textIn(job, "description") ?? "",
    status: oneOf(textIn(job, "status"), ["started", "finished", "failed", "aborted"] as const, "unknown"),
  };
}

/** @throws XmlError */
export function parseEvent(event: Element): EngineEvent {
  const vm = referenceIn(event, "vm");
  return {
    index: integerIn(event, "index") ?? Number(idOf(event)),
    code: integerIn(event, "code") ?? 0,
    severity: oneOf(textIn(event, "severity"), ["normal", "warning", "error", "alert"] as const, "unknown"),
    description: textIn(event, "description") ?? "",
    correlationId: textIn(event, "correlation_id"),
    vm: vm === undefined ? undefined : { id: vm, name: textOf(find(event, "vm", "name")) },
  };
}

/** Undefined: the engine has cleared it away, as it does some minutes after a job's end. */
export async function findJob(client: EngineClient, id: string): Promise<EngineJob | undefined> {
  const found = await client.find(`/jobs/${encodeURIComponent(id)}`, { action: `read job "${id}"` });
  return found && parseJob(found);
}

/** The index of the newest event; 0 when there is none. */
export async function newestEvent(client: EngineClient): Promise<number> {
  for await (const event of client.list("/events", { parameters: { max: "1" } })) return parseEvent(event).index;
  return 0;
}

/** The events after the one of that index, oldest first. */
export async function eventsAfter(client: EngineClient, index: number): Promise<readonly EngineEvent[]> {
  const events = await client.members("/events", parseEvent, {
    parameters: { from: String(index) },
    action: "list the events",
  });
  return events.toSorted((one, other) => one.index - other.index);
}

/** How far back a migration of a VM's is looked for. */
const recent = 500;

/**
 * Whether the engine is not done yet with a migration of the VM's: it may be up already on the destination, and get its
 * VFs only then. Of migrations that are longer ago than the last some hundred events nothing is known.
 */
export async function migrationGoesOn(client: EngineClient, vm: string): Promise<boolean> {
  const events = await client.members("/events", parseEvent, {
    parameters: { max: String(recent) },
    action: "list the events",
  });
  const newest = events
    .filter((event) => event.vm?.id === vm && (event.code === eventCodes.migrationStarted || endsMigration(event)))
    .reduce<EngineEvent | undefined>(
      (last, event) => (last === undefined || event.index > last.index ? event : last),
      undefined,
    );
  return newest?.code === eventCodes.migrationStarted;
}

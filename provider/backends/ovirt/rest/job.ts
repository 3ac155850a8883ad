/** `/jobs` and `/events`: how what was begun went on. */
import { find, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { idOf, integerIn, oneOf, referenceIn, requiredTextIn, textIn } from "./reading.js";

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
  /** Some VFs were not plugged again. The engine does nothing more about it. */
  notAllNicsPluggedBack: 12003,
  /** Nothing is known of which were. */
  pluggingNicsFailed: 12004,
} as const;

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
    description: requiredTextIn(event, "description"),
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
  const events: EngineEvent[] = [];
  for await (const event of client.list("/events", { parameters: { from: String(index) } })) {
    events.push(parseEvent(event));
  }
  return events.sort((one, other) => one.index - other.index);
}

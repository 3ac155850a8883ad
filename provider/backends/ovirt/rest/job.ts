/** `/events`: how what was begun went on. The engine's jobs don't tell: with a VF they are finished too early. */
import { find, textOf, type Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";
import { idOf, integerIn, oneOf, referenceIn, textIn } from "./reading.js";

export interface EngineEvent {
  /** Rises from event to event. */
  readonly index: number;
  /** AuditLogType.java's number, see {@link eventCodes}. */
  readonly code: number;
  readonly severity: "normal" | "warning" | "error" | "alert" | "unknown";
  readonly description: string;
  /** ms since the epoch, by the engine's clock. */
  readonly time?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly vm?: { readonly id: string; readonly name: string | undefined } | undefined;
}

function timeIn(event: Element): number | undefined {
  const time = Date.parse(textIn(event, "time") ?? "");
  return Number.isNaN(time) ? undefined : time;
}

/** What the engine tells of a migration (ovirt-engine: AuditLogType.java). */
export const eventCodes = {
  engineStarted: 1,
  vmStopped: 33,
  vmDown: 61,
  vmDownByError: 119,
  migrationStarted: 62,
  /** By maintenance or balancing. */
  migrationStartedBySystem: 67,
  migrationDone: 63,
  /** The VM crashed. Carries no correlation id. */
  migrationAborted: 64,
  migrationFailed: 65,
  migrationToServerFailed: 120,
  migrationTriesAnotherHost: 128,
  /** Failed while the source was to go into maintenance; the second one without a destination. */
  migrationFailedInMaintenance: 140,
  migrationFailedInMaintenanceNowhere: 1111,
  /** Carries the correlation id of the request to cancel. */
  migrationCancelled: 161,
  /** Of a NIC: they have correlation ids of their own, also where a migration plugs and unplugs. */
  nicPlugged: 1012,
  plugFailed: 1013,
  nicUnplugged: 1014,
  unplugFailed: 1015,
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

const endsOfVm: readonly number[] = [
  eventCodes.migrationAborted,
  eventCodes.migrationCancelled,
  eventCodes.vmStopped,
  eventCodes.vmDown,
  eventCodes.vmDownByError,
];

/**
 * Whether the event ends each migration of its VM's, whichever correlation id that has: it is cancelled, or the VM has
 * crashed or is off.
 */
export function endsMigrationsOfVm({ code }: EngineEvent): boolean {
  return endsOfVm.includes(code);
}

/** @throws XmlError */
export function parseEvent(event: Element): EngineEvent {
  const vm = referenceIn(event, "vm");
  return {
    index: integerIn(event, "index") ?? Number(idOf(event)),
    code: integerIn(event, "code") ?? 0,
    severity: oneOf(textIn(event, "severity"), ["normal", "warning", "error", "alert"] as const, "unknown"),
    description: textIn(event, "description") ?? "",
    time: timeIn(event),
    correlationId: textIn(event, "correlation_id"),
    vm: vm === undefined ? undefined : { id: vm, name: textOf(find(event, "vm", "name")) },
  };
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

/** How far back is looked for what was begun. */
const recent = 500;

/** The newest events, as far back as is worth looking: oldest first. */
export async function recentEvents(client: EngineClient): Promise<readonly EngineEvent[]> {
  const events = await client.members("/events", parseEvent, {
    parameters: { max: String(recent) },
    action: "list the events",
  });
  return events.toSorted((one, other) => one.index - other.index);
}

const starts: readonly number[] = [eventCodes.migrationStarted, eventCodes.migrationStartedBySystem];

/**
 * Whether a migration of the VM's has begun in these events and not ended: the VM may be up already on the destination,
 * and get its VFs only then. A failure counts with the correlation id of the start: a second request, which is refused,
 * leaves one, too. An engine that was started since has forgotten what went on.
 * @param events oldest first.
 */
export function migrationGoesOnIn(events: readonly EngineEvent[], vm: string): boolean {
  const going = new Set<string | undefined>();
  for (const event of events) {
    const { code, correlationId } = event;
    if (code === eventCodes.engineStarted) going.clear();
    if (event.vm?.id !== vm) continue;
    if (starts.includes(code)) going.add(correlationId);
    else if (endsMigrationsOfVm(event)) going.clear();
    else if (endsMigration(event)) going.delete(correlationId);
  }
  return going.size > 0;
}

/**
 * Whether a migration has taken the NIC from the VM and not given it back, by the engine's own events, which name it
 * (AuditLogMessages.properties VM_MIGRATION_NOT_ALL_VM_NICS_WERE_PLUGGED_BACK). One that was plugged or unplugged since is left
 * as it is.
 * @param events oldest first.
 */
export function isLostIn(events: readonly EngineEvent[], vm: string, nic: string): boolean {
  let lost = false;
  for (const { code, description, vm: about } of events) {
    if (about?.id !== vm) continue;
    if (code === eventCodes.notAllNicsPluggedBack) lost = lost || namesIn(description).includes(nic);
    else if (code === eventCodes.nicPlugged || code === eventCodes.nicUnplugged)
      lost = lost && !description.startsWith(`Network Interface ${nic} (`);
  }
  return lost;
}

function namesIn(description: string): readonly string[] {
  const end = description.endsWith(".") ? -1 : undefined;
  return description
    .slice(description.indexOf(": ") + 2, end)
    .split(",")
    .map((name) => name.trim());
}

/**
 * Whether the engine is not done yet with a migration of the VM's. Of migrations that are longer ago than the last some
 * hundred events nothing is known.
 */
export async function migrationGoesOn(client: EngineClient, vm: string): Promise<boolean> {
  return migrationGoesOnIn(await recentEvents(client), vm);
}

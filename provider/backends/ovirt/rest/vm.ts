/** `/vms`, and moving one. */
import { element, find, type Element } from "../../../xml/element.js";
import type { CallOptions, EngineClient } from "./client.js";
import { all, lookUp, type Kind } from "./lookup.js";
import { idOf, integerIn, referenceIn, requiredReferenceIn, requiredTextIn, textIn, verbatimIn } from "./reading.js";

export interface EngineVm {
  readonly id: string;
  readonly name: string;
  /** As the engine says it: `up`, `down`, `migrating`, `powering_up`, `paused`, … (types/VmStatus.java). */
  readonly status: string;
  /** The cluster's id. */
  readonly cluster: string;
  /** The id of the host on which it runs. */
  readonly host?: string | undefined;
  /** Bytes. */
  readonly memory?: number | undefined;
}

/** @throws XmlError */
export function parseVm(vm: Element): EngineVm {
  return {
    id: idOf(vm),
    name: verbatimIn(vm, "name"),
    status: requiredTextIn(vm, "status"),
    cluster: requiredReferenceIn(vm, "cluster"),
    host: referenceIn(vm, "host"),
    memory: integerIn(vm, "memory"),
  };
}

const vms: Kind<EngineVm> = { name: "VM", path: "/vms", parse: parseVm };

/** @throws ProblemError when none, or several, are meant. */
export function lookUpVm(client: EngineClient, nameOrId: string): Promise<EngineVm> {
  return lookUp(client, vms, nameOrId);
}

export function listVms(client: EngineClient, search?: string): Promise<readonly EngineVm[]> {
  return all(client, vms, search);
}

/** Undefined where there is none of that id. */
export async function findVm(client: EngineClient, id: string): Promise<EngineVm | undefined> {
  const found = await client.find(path(id), { action: `read VM "${id}"` });
  return found && parseVm(found);
}

/**
 * Begins a migration.
 * @param host the destination's id; undefined: the engine chooses.
 * @returns the id of the engine's job, where it tells one.
 * @throws OvirtFault when the engine does not begin; what goes wrong later only jobs and events say.
 */
export async function migrateVm(
  client: EngineClient,
  vm: string,
  host: string | undefined,
  options: CallOptions = {},
): Promise<string | undefined> {
  const body = element("action", {}, [host === undefined ? undefined : element("host", { id: host })]);
  const answer = await client.post(`${path(vm)}/migrate`, body, { action: `migrate VM "${vm}"`, ...options });
  return referenceIn(answer, "job");
}

/** Per cent of the migration that is under way; undefined where the engine says nothing of one. */
export async function migrationProgress(client: EngineClient, vm: string): Promise<number | undefined> {
  for await (const statistic of client.list(`${path(vm)}/statistics`, {
    action: `read the statistics of VM "${vm}"`,
  })) {
    if (textIn(statistic, "name") !== "migration.progress") continue;
    return integerIn(find(statistic, "values", "value"), "datum");
  }
  return undefined;
}

/** What the guest's agent says is installed, such as `kernel-5.14.0-427.el9.x86_64`; empty without an agent. */
export async function installedApplications(client: EngineClient, vm: string): Promise<readonly string[]> {
  const read = (application: Element) => textIn(application, "name");
  const action = `list the applications of VM "${vm}"`;
  const names = await client.members(`${path(vm)}/applications`, read, { action });
  return names.filter((name) => name !== undefined);
}

function path(id: string): string {
  return `/vms/${encodeURIComponent(id)}`;
}

/** A resource whose VM's name is another VM's now: the engine keeps a VM's id for as long as the VM lives. */
import { findVm, lookUpVm, type EngineClient, type EngineVm } from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import type { HandlerContext } from "../handler.js";
import { sayOnce } from "../notices.js";
import { absenceOf } from "./session.js";

/** What the engine has under the declared name, or under the declared VM's id, is not what was declared. Nothing was changed. */
export class EngineVmIsAnother extends ProblemError {
  override readonly name = "EngineVmIsAnother";
  /** `VM "web" with id …: it is called "web2" now` */
  readonly found: string;

  constructor({ name, id }: { readonly name: string; readonly id: string }, why: string, remedy: string) {
    const found = `VM "${name}" with id ${id}: ${why}`;
    super({ code: "vm-is-another", what: `Unable to find ${found}`, state: "Nothing was changed.", remedy });
    this.found = found;
  }
}

/** The engine has another VM of the declared VM's name. */
export function anotherThan(
  declared: { readonly name: string; readonly id: string },
  { id }: EngineVm,
): EngineVmIsAnother {
  return new EngineVmIsAnother(
    declared,
    `the engine's VM of that name is another VM, with id ${id}`,
    "If the VM was recreated under its name, run pulumi up with --replace and the resource's URN, which recreates the resource for the new VM. Otherwise rename one of them.",
  );
}

/** The declared VM has another name now. Undefined: it is called as it was declared, or was declared by its id. */
export function renamed(declared: string | undefined, { id, name }: EngineVm): EngineVmIsAnother | undefined {
  if (declared === undefined || declared === id || declared === name) return undefined;
  return new EngineVmIsAnother(
    { name: declared, id },
    `it is called "${name}" now`,
    "Rename it back, or declare its new name or its id.",
  );
}

/** What was read of a resource, under the name that its VM was declared by: where that is another now, it is told and `missing`. */
export function asDeclared<State extends { readonly vm: string; readonly missing: readonly string[] }>(
  ctx: HandlerContext,
  declared: string | undefined,
  vm: EngineVm,
  now: State,
): State {
  const other = renamed(declared, vm);
  if (other === undefined || declared === undefined) return now;
  sayOnce(ctx, other.message, () => ctx.progress.warn(other.message));
  return { ...now, vm: declared, missing: [...now.missing, other.found] };
}

/** Undefined: the engine still has the VM, or has none of its name either. */
export async function madeAgain(
  client: EngineClient,
  { name, id }: { readonly name: string | undefined; readonly id: string },
): Promise<EngineVmIsAnother | undefined> {
  // A state may come without it.
  if (name === undefined || (await findVm(client, id)) !== undefined) return undefined;
  try {
    const other = await lookUpVm(client, name);
    return other.id === id ? undefined : anotherThan({ name, id }, other);
  } catch (error) {
    if (absenceOf(error) === undefined) throw error;
    return undefined;
  }
}

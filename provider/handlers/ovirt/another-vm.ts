/** A resource whose VM's name is another VM's now: the engine keeps a VM's id for as long as the VM lives. */
import { findVm, lookUpVm, type EngineClient, type EngineVm } from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import { absenceOf } from "./session.js";

/** A VM of the declared name that is not the declared VM. Nothing was changed. */
export class EngineVmIsAnother extends ProblemError {
  override readonly name = "EngineVmIsAnother";
  /** `VM "web" with id …: the engine's VM of that name is another one, with id …` */
  readonly found: string;

  constructor(declared: { readonly name: string; readonly id: string }, other: EngineVm) {
    const found = `VM "${declared.name}" with id ${declared.id}: the engine's VM of that name is another VM, with id ${other.id}`;
    super({
      code: "vm-is-another",
      what: `Unable to find ${found}`,
      state: "Nothing was changed.",
      remedy:
        "If the VM was recreated under its name, run pulumi up with --replace and the resource's URN, which recreates the resource for the new VM. Otherwise rename one of them.",
    });
    this.found = found;
  }
}

/** The declared VM has another name now. Undefined: it is called as it was declared, or was declared by its id. */
export function renamed(declared: string | undefined, { id, name }: EngineVm): EngineVmRenamed | undefined {
  return declared === undefined || declared === id || declared === name
    ? undefined
    : new EngineVmRenamed({ name: declared, id }, name);
}

/** The VM that was declared, under another name. Nothing was changed. */
export class EngineVmRenamed extends ProblemError {
  override readonly name = "EngineVmRenamed";
  /** `VM "web" with id …: it is called "web2" now` */
  readonly found: string;

  constructor(declared: { readonly name: string; readonly id: string }, now: string) {
    const found = `VM "${declared.name}" with id ${declared.id}: it is called "${now}" now`;
    super({
      code: "vm-is-another",
      what: `Unable to find ${found}`,
      state: "Nothing was changed.",
      remedy: "Rename it back, or declare its new name or its id.",
    });
    this.found = found;
  }
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
    return other.id === id ? undefined : new EngineVmIsAnother({ name, id }, other);
  } catch (error) {
    if (absenceOf(error) === undefined) throw error;
    return undefined;
  }
}

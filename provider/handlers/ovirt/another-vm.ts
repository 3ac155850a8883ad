/** A resource whose VM's name is another VM's now: the engine keeps a VM's id for as long as the VM lives. */
import { findVm, lookUpVm, type EngineClient, type EngineVm } from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import { absenceOf } from "./session.js";

/** A VM of the declared name that is not the declared VM. Nothing was changed. */
export class EngineVmIsAnother extends ProblemError {
  override readonly name = "EngineVmIsAnother";
  /** `VM "web" with id …: the engine's VM of that name is another one, with id …` */
  readonly found: string;

  /** @param own the VM itself, under another name. Undefined: the engine has it no more. */
  constructor(declared: { readonly name: string; readonly id: string }, other: EngineVm, own: EngineVm | undefined) {
    const renamed = own === undefined ? "" : `it is called "${own.name}" now, and `;
    const found = `VM "${declared.name}" with id ${declared.id}: ${renamed}the engine's VM of that name is another VM, with id ${other.id}`;
    super({
      code: "vm-is-another",
      what: `Unable to find ${found}`,
      state: "Nothing was changed.",
      remedy:
        own === undefined
          ? "If the VM was recreated under its name, run pulumi up with --replace and the resource's URN, which recreates the resource for the new VM. Otherwise rename one of them."
          : "Rename it back, or declare its new name or its id.",
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
    return other.id === id ? undefined : new EngineVmIsAnother({ name, id }, other, undefined);
  } catch (error) {
    if (absenceOf(error) === undefined) throw error;
    return undefined;
  }
}

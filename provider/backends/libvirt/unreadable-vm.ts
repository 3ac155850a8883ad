/** A VM whose XML or metadata cannot be read: that concerns this VM, and the error names it. */
import { ProblemError, reasonOf } from "../../model/problem.js";
import { XmlError } from "../../xml/xml-error.js";
import type { DomainRef } from "./host.js";

export class UnreadableVm extends ProblemError {
  override readonly name = "UnreadableVm";
  constructor(
    readonly vm: string,
    readonly host: string,
    cause: XmlError,
  ) {
    super(
      {
        code: "vm-unreadable",
        what: `Unable to read VM "${vm}" on host "${host}": ${reasonOf(cause)}`,
        where: host,
        remedy: `Check its <metadata> (virsh dumpxml), and correct it with virsh edit.`,
      },
      { cause, causeIsTold: true },
    );
  }
}

/** What is read of that VM. @throws UnreadableVm in the place of XmlError */
export function readable<T>(host: { readonly name: string }, dom: Pick<DomainRef, "name">, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof XmlError ? new UnreadableVm(dom.name, host.name, error) : error;
  }
}

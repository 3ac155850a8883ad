/** A VM whose XML or metadata cannot be read: that concerns this VM, and the error names it. */
import { ProblemError, reasonOf } from "../../model/problem.js";
import type { XmlError } from "../../xml/element.js";

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
        remedy: `Look at its <metadata> (virsh dumpxml), and correct it with virsh edit.`,
      },
      { cause, causeIsTold: true },
    );
  }
}

/** `vnic-failover release` on oVirt, where no stack leaves a note with a VM. */
import { requireVm } from "../../../handlers/ovirt/vm.js";
import type { Answer } from "../../command.js";
import type { EngineContext } from "./context.js";

/** @throws ProblemError where there is no such VM. */
export async function engineRelease({ engine }: EngineContext, name: string): Promise<Answer> {
  const { name: vm } = await requireVm(engine, name);
  return {
    outcome: "ok",
    document: { vm, released: null },
    text: `Nothing to release: on oVirt no owner is recorded for a placement, and any stack may place VM "${vm}".`,
  };
}

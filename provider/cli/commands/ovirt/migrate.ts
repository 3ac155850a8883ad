/** `vnic-failover migrate` on oVirt: the engine moves the VM, and this follows it to its end. */
import { moveOnEngine } from "../../../handlers/ovirt/move.js";
import { spelledVf } from "../../../handlers/ovirt/vm.js";
import type { Answer } from "../../command.js";
import type { GivenOptions } from "../index.js";
import { carryOutMove, type MigrateRequest } from "../libvirt/migrate.js";
import { libvirtHeadlines, type Headlines } from "../../output/report-summary.js";
import { shellWord } from "../../../model/shell-word.js";
import { commandAdvice, refuseForeignOptions, type EngineContext } from "./context.js";
import { surveyEngine } from "./survey.js";

export const engineHeadlines: Headlines = {
  ...libvirtHeadlines,
  "moved-without-vf": ({ vm, from, to }) =>
    `VM "${vm}" has moved from "${from}" to "${to}", and runs there on its standby: the engine has not plugged every VF.`,
  unclear: ({ vm }) =>
    `VM "${vm}" was not moved, or its migration is still in progress. Run vnic-failover status ${shellWord(vm)}`,
};

/** @throws ProblemError when nothing has been changed. */
export async function engineMigrate(context: EngineContext, request: MigrateRequest & GivenOptions): Promise<Answer> {
  const { engine, signal } = context;
  const { vm, to, options, given } = request;
  refuseForeignOptions(given);
  return carryOutMove(context, request, {
    mover: (progress) => moveOnEngine(engine, { vm, to, options, progress, advice: commandAdvice, signal }),
    alreadyThere: () => alreadyThere(context, vm, to),
    headlines: engineHeadlines,
  });
}

async function alreadyThere({ engine }: EngineContext, name: string, host: string): Promise<Answer> {
  const { vms } = await surveyEngine(engine, name);
  const missing = vms.flatMap((survey) => survey.missing.map(spelledVf));
  return {
    outcome: missing.length === 0 ? "ok" : "moved-without-vf",
    document: { vm: name, host, missing },
    text: [
      `Nothing to do: VM "${name}" is already on "${host}".`,
      ...(missing.length === 0
        ? []
        : [`It runs without ${missing.join(", ")}. Run vnic-failover recover ${shellWord(name)}`]),
    ].join("\n"),
  };
}

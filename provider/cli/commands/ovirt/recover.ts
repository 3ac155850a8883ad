/**
 * `vnic-failover recover` on oVirt. A move leaves no journal there, and the engine ends what it has begun: this tells which
 * VMs migrate and which run without a VF, plugs what the engine can plug, and says what helps the others.
 */
import { plugMissing } from "../../../handlers/ovirt/replug.js";
import type { EngineNic } from "../../../backends/ovirt/rest/index.js";
import { nicsWithoutVf, spelledVf } from "../../../handlers/ovirt/vm.js";
import { ProblemError } from "../../../model/problem.js";
import type { Answer } from "../../command.js";
import { worst, type Outcome } from "../../exit-codes.js";
import type { RecoverRequest } from "../libvirt/recover.js";
import { shellWord } from "../../../model/shell-word.js";
import { paragraphs, table } from "../../output/table.js";
import { commandAdvice, type EngineContext } from "./context.js";
import { surveyEngine, type EngineVmSurvey } from "./survey.js";

interface Recovered {
  readonly vm: string;
  readonly outcome: Outcome;
  readonly host: string | undefined;
  readonly underWay: boolean;
  readonly plugged: readonly string[];
  readonly missing: readonly string[];
  readonly errors: readonly ProblemError[];
}

export async function engineRecover(context: EngineContext, { vm, now, dead }: RecoverRequest): Promise<Answer> {
  if (now) throw nothingToWaitFor();
  if (dead !== undefined) throw deathIsTheEngines(dead);
  const { vms } = await surveyEngine(context.engine, vm);
  const recovered: Recovered[] = [];
  // One after the other: what one VM leaves may be the VF that the next one misses.
  for (const survey of vms) {
    if (survey.underWay) recovered.push(underWay(survey));
    else if (survey.missing.length > 0) recovered.push(await recoverOne(context, survey));
  }
  const errors = recovered.flatMap((each) => each.errors);
  return {
    outcome: worst(recovered.map(({ outcome }) => outcome)),
    document: {
      recovered: recovered.map(({ vm: name, outcome, host, underWay: moves, plugged, missing }) => ({
        ...{ vm: name, outcome },
        move: moves ? "under way" : null,
        host: host ?? null,
        ...{ plugged, missing },
      })),
      unreachableHosts: [],
    },
    text: paragraphs(
      recovered.length === 0
        ? "Nothing to recover: every VM has its VFs, and no migration is in progress."
        : table(
            ["vm", "host", "move", "plugged", "missing"],
            recovered.map(({ vm: name, host = "", underWay: moves, plugged, missing }) => [
              ...[name, host, moves ? "under way" : "none"],
              plugged.join(", "),
              missing.join(", "),
            ]),
          ),
      ...vms.flatMap((survey) => unplugged(survey, vm !== undefined)),
    ),
    ...(errors.length > 0 && { errors }),
  };
}

async function recoverOne({ engine, progress }: EngineContext, survey: EngineVmSurvey): Promise<Recovered> {
  const { vm, host } = survey;
  const own = progress.of(vm.name);
  try {
    const problems = await plugMissing(engine.client, vm, [], { progress: own, advice: commandAdvice });
    const left = await nicsWithoutVf(
      engine.client,
      vm,
      survey.missing.map(({ id }) => id),
    );
    return {
      ...{ vm: vm.name, host, underWay: false },
      outcome: left.length > 0 ? "moved-without-vf" : "ok",
      plugged: survey.missing.filter(({ id }) => left.every((nic) => nic.id !== id)).map(spelledVf),
      missing: left.map(spelledVf),
      errors: problems.map((problem) => new ProblemError(problem)),
    };
  } catch (error) {
    // What stands in the way of one VM is told beside what was done for the others.
    if (!(error instanceof ProblemError)) throw error;
    return {
      ...{ vm: vm.name, host, underWay: false, plugged: [] },
      outcome: "moved-without-vf",
      missing: survey.missing.map(spelledVf),
      errors: [error],
    };
  } finally {
    own.done();
  }
}

/** Nothing is plugged: the engine does that itself. */
function underWay({ vm, host }: EngineVmSurvey): Recovered {
  const error = new ProblemError({
    code: "move-under-way",
    what: `VM "${vm.name}" is being migrated by the engine, which plugs its VFs at the end`,
    remedy: `Wait until the Administration Portal (Events) reports the end of the migration, then run vnic-failover recover ${shellWord(vm.name)}.`,
  });
  return { vm: vm.name, outcome: "refused", host, underWay: true, plugged: [], missing: [], errors: [error] };
}

/**
 * NICs of which nothing says whether they should be plugged.
 * @param all also those of which the guest reports no standby.
 */
function unplugged({ vm, pairs, missing, reported, underWay: moves }: EngineVmSurvey, all: boolean): readonly string[] {
  if (moves) return [];
  const isReported = (nic: EngineNic) => reported.some(({ id }) => id === nic.id);
  return pairs
    .filter(({ nic }) => !nic.plugged && missing.every(({ id }) => id !== nic.id) && (all || isReported(nic)))
    .map(
      ({ nic }) =>
        `NIC "${nic.name}" of VM "${vm.name}" is unplugged; the guest ${isReported(nic) ? "still reports" : "does not report"} its standby. To plug it, use the Administration Portal, or pulumi up in the stack that declares it.`,
    );
}

function deathIsTheEngines(host: string): ProblemError {
  return new ProblemError({
    code: "option-not-on-ovirt",
    what: "Unable to use --host-is-dead on oVirt: the engine decides about the VMs of a host that does not answer",
    remedy: `In the engine, use "Confirm 'Host has been Rebooted'" of host "${host}".`,
  });
}

function nothingToWaitFor(): ProblemError {
  return new ProblemError({
    code: "option-not-on-ovirt",
    what: "Unable to use --now on oVirt: the engine moves the VMs, and there is no lease to wait for",
    remedy: "Run vnic-failover recover without it.",
  });
}

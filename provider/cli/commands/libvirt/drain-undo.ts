/** `vnic-failover drain --undo`: moves the VMs of a drain back to where they were. */
import { isUnderMaintenance } from "../../../config/index.js";
import { ProblemError } from "../../../model/problem.js";
import { isActive, type LibvirtCluster, type DomainInstance } from "../../../backends/libvirt/cluster.js";
import { readDrainReport, type DrainedVm } from "../../../drain/report.js";
import type { MigrationOptions } from "../../../migration/options.js";
import type { Answer, CommandContext } from "../../command.js";
import { factsOf } from "../../../drain/facts.js";
import { carryOut, moverOf, type ManyMovesRequest } from "../many-moves.js";
import { mayHaveMoved, planUndo, type UndoState } from "../undo-plan.js";
import { endMaintenance, nextOfStacks } from "../../output/stacks-next.js";

export interface UndoRequest extends ManyMovesRequest {
  /** The drain's own report. */
  readonly file: string;
  readonly options: MigrationOptions;
}

/** @throws ProblemError when the file is no drain's report, or nothing may be moved to a host that a VM came from. */
export async function undoDrain(context: CommandContext, request: UndoRequest): Promise<Answer> {
  const { cluster } = context;
  const { host, vms: drained } = await readDrainReport(request.file);
  const states = await Promise.all(drained.map((vm) => stateOf(cluster, vm)));
  const back = states.flatMap((state) => ("instance" in state ? state : []));
  const origins = [...new Set(back.map(({ drained: { from } }) => from))];
  for (const origin of origins) refuseMaintenance(context, host, origin);

  const facts = await factsOf(
    cluster,
    back.map(({ instance }) => instance),
    origins,
    request.options,
  );
  const origin = new Map(back.map(({ drained: { vm, from } }) => [vm, from]));
  return carryOut(
    context,
    request,
    {
      ...planUndo(states, origin, origins, facts),
      host,
      unreachable: facts.unreachable,
      next: nextOfStacks(context, host),
    },
    moverOf(context, request.options, facts.vms),
  );
}

type State = UndoState<{ readonly instance: DomainInstance }>;

async function stateOf(cluster: LibvirtCluster, drained: DrainedVm): Promise<State> {
  const { vm, uuid, from, to, outcome } = drained;
  const skipped = (why: string): State => ({ skipped: { vm, why } });
  const stuck = (where: string, why: string): State => ({ stuck: { vm, reasons: new Map([[where, why]]) } });
  if (!mayHaveMoved.has(outcome)) return skipped("the drain did not move it");

  const { instances, unreachable } = await cluster.locations(vm);
  const own = instances.filter(({ dom }) => dom.uuid === uuid);
  const active = own.filter(isActive);
  const [one, ...more] = active;
  if (more.length > 0)
    return stuck(from, `it is active on ${active.map(({ host }) => `"${host.name}"`).join(" and ")}`);
  if (one?.host.name === to) return { drained, instance: one };
  if (one?.host.name === from) return skipped(`it is on "${from}" already`);
  if (one !== undefined) return skipped(`it has since moved to "${one.host.name}"`);
  // It may run on a host that does not answer.
  if (unreachable[0] !== undefined) return stuck(from, unreachable[0].message);
  if (own[0] !== undefined) return skipped(`it is not running (defined on "${own[0].host.name}")`);
  const [namesake] = instances;
  return skipped(
    namesake === undefined
      ? "no host of the cluster has it"
      : `the VM of that name on "${namesake.host.name}" is another VM, with UUID ${namesake.dom.uuid} and not ${uuid}`,
  );
}

function refuseMaintenance({ cluster, configuration }: CommandContext, host: string, origin: string): void {
  cluster.host(origin);
  if (!isUnderMaintenance(cluster.config, origin)) return;
  throw new ProblemError({
    code: "undo-to-maintenance",
    what: `Unable to undo the drain of "${host}": "${origin}" is under maintenance, so no VM is moved to it`,
    state: "Nothing was changed.",
    remedy: `End its maintenance first: ${endMaintenance(origin, configuration)}`,
  });
}

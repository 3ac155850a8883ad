/** The migrate action: preflight, the steps, the report. Used by the resource, the command line and a drain alike. */
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";
import { noProgress, type Progress } from "../model/progress.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import { plannedPlaces, startAnnouncers, stopAnnouncers } from "./announce.js";
import type { MoveContext } from "./context.js";
import { summarizeJob } from "./job.js";
import { defaultMigrationOptions, type MigrationOptions } from "./options.js";
import { owedIn, settleOwed } from "./owed.js";
import { beginJournal, errorsOf, MoveRefused, planMove, warningsOf, type MovePlan } from "./plan.js";
import { newContext, observerOf, whileHeld } from "./execution.js";
import { guardedBy } from "./prepare.js";
import { Readying } from "./readying.js";
import { recover } from "./recover.js";
import type { MoveOutcome, MoveReport } from "./report/report.js";
import { runSteps, StepFailed, type RunWords } from "./runner.js";
import { shellWord } from "../model/shell-word.js";
import { moveSteps } from "./steps.js";
import { Timeline } from "./report/timeline.js";

export interface MoveRequest {
  readonly vm: string;
  /** The VM's own: another one of its name is left alone. Default: the only VM of that name. */
  readonly uuid?: string | undefined;
  readonly to: string;
  readonly options?: MigrationOptions;
  readonly progress?: Progress;
  /** By whom, in words for another mover's operator: `vnic-failover drain`. */
  readonly command?: string | undefined;
  /** Aborts the move and rolls it back, as far as it has not passed the point of no return. */
  readonly signal?: AbortSignal | undefined;
}

/** A move that began and did not end as wanted. The report says what became of the VM. */
export class MoveFailed extends StepFailed {
  override readonly name = "MoveFailed";
  constructor(
    failure: StepFailed,
    readonly report: MoveReport,
  ) {
    super(failure.step, failure.committed, failure.notUndone, failure.words, failure.cause, failure.overtaken);
  }
}

/**
 * Moves a VM to a host. An interrupted move of it is finished or rolled back first.
 * @returns the report; undefined: the VM was there already.
 * @throws MoveRefused nothing has been changed; MoveFailed with the report.
 */
export async function moveVm(
  cluster: LibvirtCluster,
  { vm, uuid, to, options = defaultMigrationOptions, progress = noProgress, command, signal }: MoveRequest,
): Promise<MoveReport | undefined> {
  cluster.host(to);
  progress.report({ phase: "preflight", message: `checking whether "${vm}" can move to "${to}"` });
  const timeline = new Timeline(cluster.clock);
  timeline.begin("preflight");
  const readying = new Readying(cluster, to);
  let ready: ReadyMove | undefined;
  try {
    ready = await readyMove(cluster, { vm, uuid, to, options, progress, command, signal }, timeline, readying);
  } finally {
    if (ready === undefined) await readying.end();
  }
  if (ready === undefined) return undefined;
  const { plan, context } = ready;
  try {
    await whileHeld(context, () => runSteps(moveSteps, context, observerOf(context), wordsFor(context)));
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    const outcome: MoveOutcome = error.overtaken
      ? "unclear"
      : error.committed
        ? outcomeThere(context)
        : error.notUndone.length === 0
          ? "failed-on-source"
          : "unclear";
    throw new MoveFailed(error, reportOf(context, plan, outcome, error));
  } finally {
    await stopAnnouncers(context);
    progress.done();
  }
  return reportOf(context, plan, context.notPlugged.length === 0 ? "moved" : "moved-without-vf");
}

/** What has failed since the VM runs on the destination may be of what the move has to clean up: its VFs may be there. */
function outcomeThere({ destination, journal, vfs }: MoveContext): MoveOutcome {
  const isThere = journal.interfaces.every(({ primaryAlias }) => vfs.get(primaryAlias)?.host === destination.name);
  return isThere ? "unclear" : "moved-without-vf";
}

interface ReadyMove {
  readonly plan: MovePlan;
  readonly context: MoveContext;
}

/** All that comes before the first change. @returns undefined: the VM is there already. @throws MoveRefused */
async function readyMove(
  cluster: LibvirtCluster,
  { vm, uuid, to, options = defaultMigrationOptions, progress = noProgress, command, signal }: MoveRequest,
  timeline: Timeline,
  readying: Readying,
): Promise<ReadyMove | undefined> {
  let plan = await planMove(cluster, { name: vm, uuid }, to, options, readying);
  const wanted = { name: vm, uuid: plan.instance?.dom.uuid ?? uuid };
  const { instance: found, domain } = plan;
  const isOwed = found !== undefined && domain !== undefined && owedIn(domain, found).length > 0;
  if (plan.journal !== undefined || isOwed) {
    await readying.end();
    if (plan.journal !== undefined) await recover(cluster, wanted, { progress, signal });
    else if (found !== undefined) await settleOwed(cluster, found);
    plan = await planMove(cluster, wanted, to, options, readying);
  }
  if (plan.alreadyThere) return undefined;
  const errors = errorsOf(plan);
  const { instance, copiedDisks, interfaces } = plan;
  if (errors.length > 0 || instance === undefined) throw new MoveRefused(vm, to, errors);
  for (const { message, remedy } of warningsOf(plan)) progress.warn(`${message} ${remedy}`);
  const { dom, host: source } = instance;
  const context = newContext(cluster, dom, source, cluster.host(to), beginJournal(plan, source.name, command), {
    options,
    progress,
    signal,
    timeline,
    copiedDisks,
    plannedNetdevs: new Map(
      interfaces.flatMap(({ primaryAlias, destinationNetdevs }) =>
        destinationNetdevs === undefined ? [] : [[primaryAlias, destinationNetdevs]],
      ),
    ),
    networksOfNics: plan.networksOfNics,
  });
  context.prepared = guardedBy(await readying.prepared(instance), () => context.lease.check());
  // Python takes its time to start on a host: they are awaited where the next step ends.
  context.announcers = startAnnouncers(context, plannedPlaces(cluster, context, interfaces));
  context.announcers.catch(() => undefined);
  timeline.end("preflight", "done");
  return { plan, context };
}

function wordsFor({ vm, source, destination }: MoveContext): RunWords {
  return {
    action: `move VM "${vm}" from "${source.name}" to "${destination.name}"`,
    rolledBack: "The move was rolled back: the VM is on the source, as it was.",
    committed: "The VM is running on the destination.",
    remedy: `Run \`vnic-failover recover ${shellWord(vm)}\`.`,
  };
}

function reportOf(context: MoveContext, plan: MovePlan, outcome: MoveOutcome, error?: Error): MoveReport {
  const { journal, timeline, vm, source, destination, vfs } = context;
  const host = outcome === "failed-on-source" ? source.name : destination.name;
  const left = timeline.moments.find(({ kind }) => kind === "vf-unplugged")?.at;
  const back = timeline.moments.findLast(({ kind }) => kind === "vf-used" || kind === "vf-plugged")?.at;
  return {
    schemaVersion: 1,
    vm,
    from: source.name,
    to: destination.name,
    outcome,
    ...(error !== undefined
      ? { error: error.message }
      : context.notPlugged.length > 0
        ? { error: context.notPlugged.join(" ") }
        : {}),
    started: journal.started,
    ended: context.clock.now(),
    interfaces: journal.interfaces.map(({ mac, network, primaryAlias, sourceVf }) => {
      const now = vfs.get(primaryAlias);
      return { mac, network, vfBefore: formatPciAddress(sourceVf), vfAfter: now?.host === host ? now.address : null };
    }),
    phases: timeline.phases,
    moments: timeline.moments,
    samples: timeline.samples,
    job: summarizeJob(context.job),
    ...(left !== undefined && back !== undefined && back > left && { secondsWithoutVf: (back - left) / 1000 }),
    unplug: plan.unplug,
    announced: context.announced,
    warnings: warningsOf(plan).map(({ rule, message, remedy }) => ({ rule, message, remedy })),
  };
}

/**
 * A move of a VM by the engine, with a report of it: what the command line does on oVirt where it calls moveVm with libvirt.
 *
 * There are no steps of ours to be undone. Once the engine has begun it is not asked to stop, either: of a migration that
 * is cancelled the VM stays on its source without its VF, which the engine does not plug again.
 */
import {
  eventCodes,
  findVm,
  listHosts,
  lookUpHost,
  mayHaveArrived,
  OvirtFault,
  type EngineClient,
  type EngineEvent,
  type EngineHost,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import type { MigrationOptions } from "../../migration/options.js";
import { MoveRefused } from "../../migration/plan.js";
import type { InterfaceReport, MoveOutcome, MoveReport } from "../../migration/report/report.js";
import { Timeline } from "../../migration/report/timeline.js";
import { ProblemError, reasonOf, remedyFor, type Problem, type ProblemOptions } from "../../model/problem.js";
import type { Progress } from "../../model/progress.js";
import type { Violation } from "../../rules/index.js";
import type { Advice } from "../../backends/ovirt/advice.js";
import { migrate, waitingOf, type MigrationEnd } from "../../backends/ovirt/migration.js";
import { pairReader, type EnginePair } from "./pairs.js";
import { plugMissing } from "./replug.js";
import type { Engine } from "./session.js";
import { notOver, withoutMigration } from "../../backends/ovirt/stable-vm.js";
import { isRunning, nicsWithoutVf, requireVm, spelledVf } from "./vm.js";
import { violationsOf } from "./vm-placement.js";

/** What of a move's options the engine lets a request decide, or this package itself. */
export const engineOptions = ["unplugTimeout", "migrateTimeout", "plugTimeout"] as const;

export interface EngineMoveRequest {
  /** Name or id. */
  readonly vm: string;
  /** The destination: name or id. */
  readonly to: string;
  readonly options: Pick<MigrationOptions, (typeof engineOptions)[number]>;
  readonly progress: Progress;
  readonly advice: Advice;
  /** Looked at until the engine is asked to migrate, and no longer. */
  readonly signal?: AbortSignal | undefined;
}

/** What the rules of a move say of it. */
export interface JudgedMove {
  readonly vm: EngineVm;
  readonly destination: EngineHost;
  /** The name of the host where it runs. */
  readonly from: string | undefined;
  readonly alreadyThere: boolean;
  /** Errors refuse the move. */
  readonly findings: readonly Violation[];
}

export interface EngineMovePlan extends JudgedMove {
  /** The NICs whose VFs the engine unplugs, and plugs there. */
  readonly pairs: readonly EnginePair[];
}

/** A move that began and did not end as wanted. */
export class EngineMoveFailed extends ProblemError {
  override readonly name = "EngineMoveFailed";
  constructor(
    problem: Problem,
    readonly report: MoveReport,
    options?: ProblemOptions,
  ) {
    super(problem, options);
  }
}

/** @throws ProblemError when there is no such VM or host. */
export async function planOnEngine(
  engine: Engine,
  request: Pick<EngineMoveRequest, "vm" | "to">,
): Promise<EngineMovePlan> {
  const judged = await judgeMove(engine, request);
  const pairs = await pairReader(engine.client).of(judged.vm);
  return { ...judged, pairs: pairs.filter(({ nic }) => nic.plugged) };
}

/** @throws as {@link planOnEngine} */
export async function judgeMove(
  engine: Engine,
  { vm: vmName, to }: Pick<EngineMoveRequest, "vm" | "to">,
): Promise<JudgedMove> {
  const { client } = engine;
  const [vm, destination, hosts] = await Promise.all([
    requireVm(engine, vmName),
    lookUpHost(client, to),
    listHosts(client),
  ]);
  const alreadyThere = vm.host === destination.id && vm.status !== "migrating";
  const warnings: Violation[] = [];
  const errors = alreadyThere
    ? []
    : await violationsOf(engine, vm, destination, (violation) => warnings.push({ ...violation, severity: "warning" }));
  return {
    vm,
    destination,
    from: hosts.find(({ id }) => id === vm.host)?.name,
    alreadyThere,
    findings: [...errors, ...warnings],
  };
}

/**
 * Moves a VM to a host.
 * @returns the report; undefined: the VM was there already.
 * @throws ProblemError nothing has been changed; EngineMoveFailed with the report.
 */
export async function moveOnEngine(engine: Engine, request: EngineMoveRequest): Promise<MoveReport | undefined> {
  const { vm: name, to, progress, signal } = request;
  const timeline = new Timeline();
  timeline.begin("preflight");
  // Where others have moved it to, and whether its VFs are there, is known only when the engine is done.
  const vm = await requireVm(engine, name);
  progress.report({ phase: "preflight", message: `checking whether "${vm.name}" can move to "${to}"` });
  await withoutMigration(engine.client, vm, waitingOf({ ...request.options, ...request }));
  const plan = await planOnEngine(engine, request);
  if (plan.alreadyThere) return undefined;
  const errors = plan.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new MoveRefused(plan.vm.name, plan.destination.name, errors);
  const warnings = plan.findings.filter(({ severity }) => severity === "warning");
  for (const { message, remedy } of warnings) progress.warn(`${message} ${remedy}`);
  timeline.end("preflight", "done");
  signal?.throwIfAborted();
  return new EngineMove(engine.client, request, plan, timeline).make();
}

class EngineMove {
  private readonly started = Date.now();
  /** The engine was asked to migrate. */
  private asked = false;
  /** When it had begun, by our clock. */
  private begun: number | undefined;

  constructor(
    private readonly client: EngineClient,
    private readonly request: EngineMoveRequest,
    private readonly plan: EngineMovePlan,
    private readonly timeline: Timeline,
  ) {}

  private get expected(): readonly string[] {
    return this.plan.pairs.map(({ nic }) => nic.id);
  }

  async make(): Promise<MoveReport> {
    const { vm, destination } = this.plan;
    let end: MigrationEnd;
    try {
      end = await this.migrate();
    } catch (error) {
      throw await this.withReport(error);
    }
    const { client, expected, request } = this;
    const arrived = end.vm.host === destination.id;
    this.timeline.end("plug", end.over ? "done" : "failed");
    this.timeline.end("migrate", arrived ? "done" : "failed");
    let problems: readonly Problem[] = [notOver(end.vm, request.advice)];
    let missing: readonly string[];
    try {
      if (end.over) problems = await plugMissing(client, end.vm, expected, request);
      missing = (await nicsWithoutVf(client, end.vm, expected)).map(spelledVf);
    } catch (error) {
      throw await this.withReport(error, end);
    }
    const why = [...end.complaints, ...problems.map(({ what }) => what)].map((text) => text.replace(/\.$/, ""));
    const remedy = [...new Set(problems.flatMap(({ remedy }) => remedy ?? []))].join(" ");
    if (arrived && missing.length === 0) return this.report("moved", end);
    if (arrived) {
      const told = `${why.join("; ") || `the engine did not plug ${missing.join(", ")}`}. ${remedy}`;
      return this.report("moved-without-vf", end, told);
    }
    const problem = notMoved({ ...this.plan, now: end.vm }, { missing, why, remedy }, request.advice);
    const outcome = missing.length === 0 && isBack(vm, end.vm) ? "failed-on-source" : "unclear";
    throw new EngineMoveFailed(problem, await this.report(outcome, end, problem.what));
  }

  private migrate(): Promise<MigrationEnd> {
    const { timeline, request, plan } = this;
    const { options, advice, progress } = request;
    timeline.begin("unplug");
    progress.report({ phase: "reserve", message: `the engine chooses VFs on ${plan.destination.name}` });
    return migrate(this.client, {
      ...options,
      vm: plan.vm,
      host: plan.destination,
      advice,
      onAsk: () => {
        this.asked = true;
      },
      onBegun: () => {
        this.begun = Date.now();
        timeline.end("unplug", "done");
        timeline.begin("migrate");
      },
      progress: {
        ...progress,
        report: (step) => {
          // Until the engine has begun, what it does is to reserve and unplug.
          if (this.begun === undefined) return;
          if (step.phase === "plug") {
            timeline.end("migrate", "done");
            timeline.begin("plug");
          }
          progress.report(step);
        },
      },
    });
  }

  /** The error that is thrown instead: with a report, where something may have been changed. */
  private async withReport(cause: unknown, end?: MigrationEnd): Promise<unknown> {
    if (!(cause instanceof ProblemError)) return cause;
    if (!this.asked || (this.begun === undefined && isRefusal(cause))) return cause;
    this.timeline.end("unplug", "failed");
    this.timeline.end("migrate", "failed");
    const { client, expected, plan } = this;
    const known = await stateIfAny(client, end?.vm ?? plan.vm, expected);
    // A request that was lost on its way may be carried out yet.
    const settled = known !== undefined && isBack(plan.vm, known.vm) && !mayHaveArrived(cause);
    const outcome = settled && known.missing.length === 0 ? "failed-on-source" : "unclear";
    const seen = { vm: known?.vm ?? plan.vm, events: end?.events ?? [] };
    const problem = settled ? this.withoutVfs(cause, known.missing) : cause.problem;
    return new EngineMoveFailed(problem, await this.report(outcome, seen, reasonOf(cause)), {
      ...cause.options,
      remedyFirst: true,
    });
  }

  /** Of VFs that were unplugged before it went wrong the engine plugs none again. */
  private withoutVfs(error: ProblemError, missing: readonly EngineNic[]): Problem {
    const { problem } = error;
    if (missing.length === 0) return problem;
    const { vm } = this.plan;
    const { advice } = this.request;
    const cycles = missing.map((nic) => advice.powerCycle(vm.name, nic.name));
    return {
      ...problem,
      state: `The VM runs without the ${missing.map(spelledVf).join(" and the ")}.`,
      remedy: [remedyFor(error), `To plug what is missing: ${[...new Set(cycles)].join(" ")}`]
        .flatMap((each) => each ?? [])
        .join(" "),
    };
  }

  private async report(
    outcome: MoveOutcome,
    { vm, events }: Pick<MigrationEnd, "vm" | "events">,
    error?: string,
  ): Promise<MoveReport> {
    const { plan, timeline } = this;
    const now = await pairReader(this.client)
      .of(vm)
      .catch(() => undefined);
    const toOurs = (time: number) => time + this.clockShift(events);
    for (const { time, description } of events)
      if (time !== undefined) timeline.mark("engine-event", description.trim().replaceAll(/\s+/g, " "), toOurs(time));
    const downtime = downtimeIn(events);
    const gap = secondsWithoutVf(events, plan.pairs);
    return {
      schemaVersion: 1,
      backend: "ovirt",
      vm: plan.vm.name,
      from: plan.from ?? "",
      to: plan.destination.name,
      outcome,
      ...(error !== undefined && { error }),
      started: this.started,
      ended: Date.now(),
      interfaces: plan.pairs.map((pair) => interfaceReport(pair, now)),
      phases: timeline.phases,
      moments: timeline.moments,
      samples: [],
      job: downtime === undefined ? {} : { downtime },
      ...(outcome === "moved" && gap !== undefined && { secondsWithoutVf: gap }),
      announced: {
        by: "none",
        notes: ["On oVirt this package announces nothing: QEMU announces the standby, and the guest its VF."],
      },
      warnings: plan.findings.map(({ rule, message, remedy }) => ({ rule, message, remedy })),
    };
  }

  /** ms from the engine's clock to ours. It writes that a migration has started just before it answers. */
  private clockShift(events: readonly EngineEvent[]): number {
    const started = events.find(({ code }) => code === eventCodes.migrationStarted)?.time;
    return started === undefined || this.begun === undefined ? 0 : this.begun - started;
  }
}

/** The engine, or a look before it was asked, has said no. A fault without a reason is one of the migration itself. */
function isRefusal(error: ProblemError): boolean {
  if (mayHaveArrived(error)) return false;
  if (error instanceof OvirtFault) return error.detail !== undefined || error.status === 401 || error.status === 403;
  return !(error.cause instanceof OvirtFault);
}

/** It runs where it ran, and no migration is under way. */
function isBack(before: EngineVm, now: EngineVm): boolean {
  return now.host === before.host && now.status !== "migrating" && isRunning(now);
}

/** Undefined: the engine does not tell. */
async function stateIfAny(client: EngineClient, vm: EngineVm, expected: readonly string[]) {
  try {
    const now = await findVm(client, vm.id);
    return now && { vm: now, missing: await nicsWithoutVf(client, now, expected) };
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

function notMoved(
  { vm, from, destination, now }: EngineMovePlan & { readonly now: EngineVm },
  { missing, why, remedy }: Readonly<Record<"missing" | "why", readonly string[]>> & { readonly remedy: string },
  { retry }: Advice,
): Problem {
  const state = !isRunning(now)
    ? "The VM is not running."
    : isBack(vm, now)
      ? `VM "${vm.name}" runs on "${from ?? ""}" ${missing.length === 0 ? "with its VF" : `without the ${missing.join(" and the ")}`}.`
      : `The VM is in status ${now.status}.`;
  return {
    code: "move-failed",
    what: `Unable to move VM "${vm.name}" to "${destination.name}"${why.length === 0 ? "" : `: ${why.join("; ")}`}`,
    state,
    remedy: remedy || `Resolve the problem reported by the engine, then ${retry}.`,
  };
}

function interfaceReport({ nic, network, vf }: EnginePair, now: readonly EnginePair[] | undefined): InterfaceReport {
  const after = now?.find((pair) => pair.nic.id === nic.id);
  return {
    mac: nic.mac,
    network,
    vfBefore: vf ?? untold,
    vfAfter: after !== undefined && !after.nic.plugged ? null : (after?.vf ?? untold),
  };
}

/** A VF is there, and the engine does not tell which one. */
const untold = "unknown";

/** `Actual downtime: 42ms` of the event of a migration's end. */
function downtimeIn(events: readonly EngineEvent[]): number | undefined {
  const end = events.find(({ code }) => code === eventCodes.migrationDone)?.description;
  const milliseconds = /Actual downtime: (\d+)ms/.exec(end ?? "")?.[1];
  return milliseconds === undefined ? undefined : Number(milliseconds);
}

/** From the first VF's unplug to the last one's plug, where the engine tells of both. */
function secondsWithoutVf(events: readonly EngineEvent[], pairs: readonly EnginePair[]): number | undefined {
  const times = (wanted: number) => events.flatMap(({ code, time }) => (code === wanted ? (time ?? []) : []));
  const [gone, come] = [times(eventCodes.nicUnplugged), times(eventCodes.nicPlugged)];
  if (pairs.length === 0 || gone.length < pairs.length || come.length < pairs.length) return undefined;
  return (Math.max(...come) - Math.min(...gone)) / 1000;
}

/** VmPlacement: where a VM runs. Changing `host` is the migrate action. */
import { randomUUID } from "node:crypto";
import { isUnderMaintenance } from "../../config/index.js";
import { withoutFullStop } from "../../model/foreign-text.js";
import { ProblemError, reasonOf } from "../../model/problem.js";
import { bridgeInWords } from "../../migration/bridges.js";
import { boundedReport } from "../../migration/report/bounded.js";
import { lineOfReport } from "../../migration/report/line.js";
import { recover } from "../../migration/recover.js";
import { moveVm, MoveFailed } from "../../migration/move.js";
import { defaultMigrationOptions, migrationOptionsSchema, type MigrationOptions } from "../../migration/options.js";
import { errorsOf, planMove, warningsOf, type MovePlan } from "../../migration/plan.js";
import { unpluggingInWords } from "../../migration/unplugging.js";
import { missingVfsOf, plugMissingVfs } from "../../migration/repair.js";
import { saveReport } from "../../migration/report/files.js";
import type { Violation } from "../../rules/index.js";
import type { MoveReport } from "../../migration/report/report.js";
import { asUnreachable } from "../../backends/libvirt/host-errors.js";
import {
  isActive,
  VmIsAnother,
  VmNameTwice,
  VmOnSeveralHosts,
  type LibvirtCluster,
  type NamedVm,
  type DomainInstance,
} from "../../backends/libvirt/cluster.js";
import type { ClusterCache } from "../../backends/libvirt/cluster-cache.js";
import { announceMove, sayOnce } from "../notices.js";
import { anotherOrError, ofAnotherVm } from "./another-vm.js";
import { lookAtRest } from "./stable-vm.js";
import { PartialFailure, type CheckFailure, type Found, type Handler, type HandlerContext } from "../handler.js";
import {
  diffOfPlacement,
  inputsOfPlacement,
  type VmPlacementInputs,
  type VmPlacementOutputs,
} from "../inputs/vm-placement.js";
import { forgetPlacement, notePlacement, placementElsewhere, refuseIfPlacedElsewhere } from "./placement-note.js";
import { checkPlacement, type AskedPlacement } from "../placement-check.js";
import { failureOf } from "../rule-errors.js";
import { isUnderMaintenanceNow } from "../maintenance-now.js";
import { hostAtRest, tellOfRest } from "../under-maintenance.js";
import { clusterOf, clusterCacheOf } from "./session.js";
import { nearest } from "../../model/suggestion.js";
import { leftUnchecked } from "../unreachable-warning.js";
import { isKnown, type MaybeUnknown, type Unknown } from "../../model/unknown.js";
import { urnParts } from "../../model/urn.js";

export interface VmPlacementState extends VmPlacementInputs, VmPlacementOutputs {
  readonly lastMove?: MoveReport;
  /** The id of its note in the VM's metadata. Absent in states of versions that had none, until the next update. */
  readonly claim?: string;
}

export const vmPlacement: Handler<VmPlacementInputs, VmPlacementState> = {
  check(ctx, news, olds) {
    return checkPlacement(ctx, news, olds, {
      unclear: (asked) => unclear(ctx, asked),
      elsewhere: (vm) => placementElsewhere(ctx, vm),
      resting: async (asked) => (rests(ctx, asked.host) ? restingHost(ctx, asked) : undefined),
      refusals: ({ vm, host, inputs }) => refusals(ctx, clusterOf(ctx), vm, host, migrationOptionsKnown(inputs)),
    });
  },

  async diff(ctx, _id, state, news) {
    const differs = diffOfPlacement(state, news);
    // A placement at rest has no other host than it had.
    const diff =
      differs.changes !== false && namesHostAtRest(ctx, news)
        ? diffOfPlacement(state, { ...news, host: state.host })
        : differs;
    if (diff.changes !== false) await announceWhereElsewhere(ctx, news, state);
    return diff;
  },

  async create(ctx, inputs) {
    return { id: inputs.vm, state: await place(ctx, inputs, {}) };
  },

  read: (ctx, _id, state) => found(ctx, state),

  /** By the VM's name. */
  import: (ctx, vm) => found(ctx, { vm, host: "", missing: [] }),

  async update(ctx, _id, state, news) {
    return { state: await place(ctx, news, state) };
  },

  // The VM stays where it is.
  delete: (ctx, _id, { vm, vmId, claim }) => forgetPlacement(ctx, { name: vm, uuid: vmId }, claim),
};

/** Where the VM is. An interrupted move of it is told of, and left to `pulumi up`. */
async function found(
  ctx: HandlerContext,
  state: VmPlacementState,
): Promise<Found<VmPlacementInputs, VmPlacementState> | undefined> {
  const cache = clusterCacheOf(ctx);
  const { cluster } = cache;
  const look = await lookAtRest(ctx, cache, { name: state.vm, uuid: state.vmId }).catch(anotherOrError);
  if (look instanceof VmIsAnother) {
    const next = ofAnotherVm(ctx, state, look);
    return { id: state.vm, state: next, inputs: inputsOfPlacement(next) };
  }
  if (look === undefined) return undefined;
  const { instance, moving, interrupted } = look;
  if (moving && state.host !== "") return { id: state.vm, state, inputs: inputsOfPlacement(state) };
  const on = instance.host.name;
  const resting = on !== state.host && (await isUnderMaintenanceNow(ctx, state.host));
  if (resting) tellOfRest(ctx, { vm: state.vm, on, named: state.host, runs: isActive(instance) });
  const next: VmPlacementState = {
    ...state,
    // At rest it is where it was declared to be: what differs is told, and is no drift.
    host: resting ? state.host : on,
    vmId: instance.dom.uuid,
    missing: interrupted === undefined ? await missingVfsOf(cluster, instance.dom) : [interrupted],
  };
  return { id: state.vm, state: next, inputs: inputsOfPlacement(next) };
}

/** @param before of the resource's state, if it has one. */
async function place(
  ctx: HandlerContext,
  inputs: VmPlacementInputs,
  {
    vmId,
    lastMove,
    claim = ctx.urn === undefined ? undefined : randomUUID(),
  }: Pick<Partial<VmPlacementState>, "vmId" | "lastMove" | "claim">,
): Promise<VmPlacementState> {
  const cache = clusterCacheOf(ctx);
  const { cluster } = cache;
  const vm: NamedVm = { name: inputs.vm, uuid: vmId ?? (await uuidOf(cache, inputs.vm)) };
  const stateWith = (report: MoveReport | undefined, host: string, missing: readonly string[]): VmPlacementState => ({
    ...inputs,
    host,
    ...(vm.uuid !== undefined && { vmId: vm.uuid }),
    ...(report !== undefined && { lastMove: boundedReport(report) }),
    missing,
    ...(claim !== undefined && { claim }),
  });
  try {
    await refuseIfPlacedElsewhere(ctx, vm);
    const report = rests(ctx, inputs.host) ? undefined : await move(ctx, inputs, vm.uuid);
    if (rests(ctx, inputs.host)) await rest(ctx, vm, inputs.host);
    if (report === undefined) await plugMissingVfs(cluster, vm, ctx.progress);
    const file = report === undefined ? undefined : await tellOfMove(ctx, report);
    await notePlacement(ctx, vm, claim);
    const missing = await missingVfsOf(cluster, vm);
    if (missing.length === 0) return stateWith(report ?? lastMove, inputs.host, []);
    throw new PartialFailure(
      {
        code: "moved-without-vf",
        what: `VM "${inputs.vm}" runs on "${(await cluster.locate(vm))?.host.name ?? inputs.host}" without ${missing.join(", ")}`,
        state: withReport("It is running on its standby.", file),
        remedy: "Free a VF, then run pulumi up again.",
      },
      inputs.vm,
      stateWith(report ?? lastMove, inputs.host, missing),
      report?.error === undefined
        ? {}
        : { cause: new ProblemError({ code: "vf-not-plugged", what: withoutFullStop(report.error) }) },
    );
  } catch (error) {
    if (!(error instanceof MoveFailed)) throw error;
    const file = await tellOfMove(ctx, error.report);
    await notePlacement(ctx, vm, claim);
    const at =
      error.report.outcome === "failed-on-source"
        ? error.report.from
        : ((await cluster.locate(vm).catch(() => undefined))?.host.name ?? error.report.from);
    const problem = { ...error.problem, state: withReport(error.problem.state ?? "", file) };
    throw new PartialFailure(problem, inputs.vm, stateWith(error.report, at, []), error.options);
  } finally {
    cache.forgetVm(inputs.vm);
  }
}

/** As an operator reads it who finds the VM being moved. */
function commandOf({ urn }: HandlerContext): string {
  if (urn === undefined) return "pulumi";
  const { stack, project, name } = urnParts(urn);
  return `pulumi (resource "${name}" of stack "${stack}", project "${project}")`;
}

/** Whether placements that name the host rest. */
function rests(ctx: HandlerContext, host: string | Unknown): boolean {
  return isKnown(host) && isUnderMaintenance(clusterOf(ctx).config, host);
}

/** A configuration that cannot be used is the check's to refuse. */
function namesHostAtRest(ctx: HandlerContext, { host }: MaybeUnknown<VmPlacementInputs>): boolean {
  try {
    return rests(ctx, host);
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}

function move(
  ctx: HandlerContext,
  { vm, host, migration = {} }: VmPlacementInputs,
  uuid: string | undefined,
): Promise<MoveReport | undefined> {
  return moveVm(clusterOf(ctx), {
    vm,
    uuid,
    to: host,
    options: migrationOptionsSchema.parse(migration),
    progress: ctx.progress,
    command: commandOf(ctx),
    ...(ctx.signal !== undefined && { signal: ctx.signal }),
  });
}

/** What is done instead of a move. */
async function rest(ctx: HandlerContext, vm: NamedVm, host: string): Promise<void> {
  const { cluster } = clusterCacheOf(ctx);
  const recovery = await recover(cluster, vm, { progress: ctx.progress });
  const instance = await cluster.require(vm);
  const on = recovery.host ?? instance.host.name;
  tellOfRest(ctx, { vm: vm.name, on, named: host, runs: isActive(instance) });
}

/** Of the VM that is called by its name. Undefined: what stands in the way is for the move to say. @throws VmNameTwice */
async function uuidOf(cache: ClusterCache, vm: string): Promise<string | undefined> {
  try {
    return (await cache.vm(vm))?.instance.dom.uuid;
  } catch (error) {
    if (error instanceof VmOnSeveralHosts) return error.instances[0]?.dom.uuid;
    if (error instanceof VmNameTwice || !(error instanceof ProblemError)) throw error;
    return undefined;
  }
}

/** Where several VMs have the name. */
async function unclear(
  ctx: HandlerContext,
  { vm, olds }: AskedPlacement,
): Promise<readonly CheckFailure[] | undefined> {
  try {
    await uuidOf(clusterCacheOf(ctx), vm);
    return undefined;
  } catch (error) {
    if (!(error instanceof VmNameTwice)) throw error;
    if (olds?.vm !== vm) return [{ property: "vm", reason: error.message }];
    // Which of them it is, the state tells: the update has it.
    ctx.progress.warn(
      `The move of VM "${vm}" was not validated: ${[`${reasonOf(error)}.`, error.problem.remedy].filter(Boolean).join(" ")}`,
    );
    return [];
  }
}

/** The host that the inputs of a placement at rest have, and what cannot be checked. Undefined: no host has such a VM. */
async function restingHost(
  ctx: HandlerContext,
  { vm, host: named, olds }: AskedPlacement,
): Promise<{ readonly host: string; readonly failures: readonly CheckFailure[] } | undefined> {
  const before = olds?.vm === vm ? olds.host : undefined;
  let instance: DomainInstance | undefined;
  let failures: readonly CheckFailure[] = [];
  try {
    instance = (await clusterCacheOf(ctx).vm(vm))?.instance;
    if (instance === undefined) return undefined;
    tellOfRest(ctx, { vm, on: instance.host.name, named, runs: isActive(instance) });
  } catch (error) {
    // Wherever it is, it stays there.
    if (!(error instanceof ProblemError)) throw error;
    const unreachable = asUnreachable(error);
    if (unreachable !== undefined) failures = leftUnchecked(ctx, unreachable);
  }
  return { host: hostAtRest({ named, before, on: instance?.host.name }, (host) => rests(ctx, host)), failures };
}

/** What is not known yet at preview is taken for left out. */
function migrationOptionsKnown({ migration }: MaybeUnknown<VmPlacementInputs>): MigrationOptions {
  const given = isKnown(migration) ? Object.entries(migration ?? {}).filter(([, value]) => isKnown(value)) : [];
  return migrationOptionsSchema.safeParse(Object.fromEntries(given)).data ?? defaultMigrationOptions;
}

/** Saves the report, and says on the resource's row what it comes to. Returns the file for people, where there is one. */
async function tellOfMove({ progress }: HandlerContext, report: MoveReport): Promise<string | undefined> {
  const saved = await saveReport(report);
  if (typeof saved === "string") progress.warn(saved);
  const file = typeof saved === "string" ? undefined : saved.html;
  for (const note of report.announced.notes) progress.warn(note);
  if (report.outcome === "moved" || report.outcome === "moved-without-vf") progress.info(lineOfReport(report, file));
  return file;
}

function withReport(state: string, file: string | undefined): string {
  return file === undefined ? state : `${state} Report: ${file}.`.trimStart();
}

/** No reason to refuse a placement: it rests. */
const isMaintenance = ({ rule }: Violation) => rule === "move-destination-not-in-maintenance";
const isUnreachable = ({ rule }: Violation) => rule === "move-hosts-answer";

/** Of a VM that runs elsewhere. */
function announceFrom(
  ctx: HandlerContext,
  instance: DomainInstance | undefined,
  to: string,
  plan?: Pick<MovePlan, "interfaces" | "unplug">,
): void {
  if (instance === undefined || !isActive(instance) || instance.host.name === to || rests(ctx, to)) return;
  const unplug = plan === undefined || plan.interfaces.length === 0 ? undefined : unpluggingInWords(plan.unplug);
  announceMove(ctx, { vm: instance.dom.name, from: instance.host.name, to, unplug });
}

/** Also where the placement changes in something else than its host, or lacks a VF: `up` moves the VM home then as well. */
async function announceWhereElsewhere(
  ctx: HandlerContext,
  { vm, host }: MaybeUnknown<VmPlacementInputs>,
  before: Pick<VmPlacementState, "vm" | "vmId">,
): Promise<void> {
  if (!isKnown(vm) || !isKnown(host)) return;
  const uuid = before.vm === vm ? before.vmId : undefined;
  try {
    announceFrom(ctx, (await clusterCacheOf(ctx).vm({ name: vm, uuid }))?.instance, host);
  } catch (error) {
    // What stands in the way of the move itself is the check's to say.
    if (!(error instanceof ProblemError)) throw error;
  }
}

/** At preview: whether the move can be, as far as the hosts tell. A host that does not answer refuses nothing. */
async function refusals(
  ctx: HandlerContext,
  cluster: LibvirtCluster,
  vm: string,
  host: string,
  options: MigrationOptions,
): Promise<readonly CheckFailure[]> {
  try {
    const [plan, unreachable] = await Promise.all([
      planMove(cluster, vm, host, options),
      clusterCacheOf(ctx).unreachable(),
    ]);
    const unchecked = unreachable.flatMap((problem) => leftUnchecked(ctx, problem));
    if (unchecked.length > 0) return unchecked.slice(0, 1);
    if (plan.alreadyThere) return [];
    const refused = errorsOf(plan).filter((error) => !isUnreachable(error) && !isMaintenance(error));
    if (refused.length === 0) announceFrom(ctx, plan.instance, host, plan);
    if (refused.length === 0 && !rests(ctx, host))
      for (const sentence of (plan.bridges ?? []).map((each) => bridgeInWords(each, host)))
        sayOnce(ctx, sentence, () => ctx.progress.info(sentence));
    // Of a host that was lost only while it was asked for the plan.
    const lost = unreachable.length === 0 ? errorsOf(plan).filter(isUnreachable) : [];
    for (const { message, remedy } of [...warningsOf(plan), ...lost]) ctx.progress.warn(`${message} ${remedy}`);
    const near = refused.some(({ rule }) => rule === "move-vm-exists")
      ? nearest(vm, await clusterCacheOf(ctx).vmNames())
      : undefined;
    return refused.map((violation) => {
      const { property, reason } = failureOf(violation, "host");
      const meant = violation.rule === "move-vm-exists" && near !== undefined ? ` Did you mean "${near}"?` : "";
      return { property, reason: `${reason}${meant}` };
    });
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable !== undefined) return leftUnchecked(ctx, unreachable);
    if (error instanceof ProblemError) return [{ property: "host", reason: error.message }];
    throw error;
  }
}

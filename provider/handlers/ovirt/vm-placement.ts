/** VmPlacement on oVirt: the engine moves the VM, and this checks that every VF came along. */
import {
  findVm,
  listHosts,
  lookUpHost,
  type EngineClient,
  type EngineHost,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { moveLine } from "../../migration/report/line.js";
import { migrationOptionsSchema } from "../../migration/options.js";
import { ProblemError, remedyFor, type Problem } from "../../model/problem.js";
import { evaluate, placementRules, type Violation } from "../../rules/index.js";
import { announceMove, sayOnce } from "../notices.js";
import type { OvirtMark } from "../backend-dispatch.js";
import { PartialFailure, type CheckFailure, type Handler, type HandlerContext } from "../handler.js";
import {
  diffOfPlacement,
  inputsOfPlacement,
  type VmPlacementInputs,
  type VmPlacementOutputs,
} from "../inputs/vm-placement.js";
import { checkPlacement } from "../placement-check.js";
import { failureOf, refuse } from "../rule-errors.js";
import { leftUnchecked } from "../unreachable-warning.js";
import { isKnown, type MaybeUnknown } from "../../model/unknown.js";
import { anotherThan, asDeclared, madeAgain, renamed } from "./another-vm.js";
import { readEngine, spelledAs, type FullView } from "./cluster-view.js";
import { powerCycleOf, pulumiAdviceWith } from "../../backends/ovirt/advice.js";
import { migrate, pluggedNics, waitingOf } from "../../backends/ovirt/migration.js";
import { leftToTheEngine, onOvirt, placementFacts, type HostReads } from "./placement-facts.js";
import { plugMissing } from "./replug.js";
import { isAtRest, restingHost, restsElsewhere, tellWhereAtRest, unlessProblem } from "./under-maintenance.js";
import { notOver, withoutMigration } from "../../backends/ovirt/stable-vm.js";
import { absenceOf, engineOf, asUnreachable, undefinedIfUnreachable, type Engine } from "./session.js";
import { areOneVm, hostsUnder, isRunning, nicsWithoutVf, requireVm, spelledVf, vmIfAny } from "./vm.js";

export interface VmPlacementState extends VmPlacementInputs, Omit<VmPlacementOutputs, "lastMove">, OvirtMark {
  /** The ids of the NICs that `missing` is of. */
  readonly unplugged: readonly string[];
}

/** The options of a migration with libvirt that the engine decides on by itself. */
const ours = ["unplugTimeout", "migrateTimeout", "plugTimeout"];

export const vmPlacement: Handler<VmPlacementInputs, VmPlacementState> = {
  check(ctx, news, olds) {
    return checkPlacement(ctx, news, olds, {
      areOne: (one, other) => areOneVm(ctx, one, other),
      async resting({ vm, host, inputs, isUnchanged }) {
        if (isUnchanged) return undefined;
        warnOfIgnored(ctx, inputs);
        const resting = await unlessProblem(() => restingHost(ctx, vm, host, olds));
        return resting === undefined ? undefined : { host: resting, failures: [] };
      },
      refusals: ({ vm, host }) => refusals(ctx, vm, host),
    });
  },

  async diff(ctx, _id, state, news) {
    const differs = diffOfPlacement(state, news);
    // A placement at rest has no other host than it had.
    const diff =
      differs.changes !== false && (await namesHostAtRest(ctx, news))
        ? diffOfPlacement(state, { ...news, host: state.host })
        : differs;
    if (diff.changes !== false) await announceWhereElsewhere(ctx, news);
    return diff;
  },

  async create(ctx, inputs) {
    const vm = await requireVm(engineOf(ctx), inputs.vm);
    return { id: vm.id, state: await place(ctx, vm, inputs, undefined) };
  },

  async read(ctx, id, state) {
    const { client } = engineOf(ctx);
    const vm = await findVm(client, id);
    const another =
      vm === undefined ? await madeAgain(client, { name: (state as Partial<VmPlacementState>).vm, id }) : undefined;
    if (another !== undefined) {
      sayOnce(ctx, another.message, () => ctx.progress.warn(another.message));
      const next = { ...state, missing: [another.found] };
      return { id, state: next, inputs: inputsOfPlacement(next) };
    }
    if (vm === undefined) return undefined;
    // A state may come without.
    const { vm: declared, unplugged = [] } = state as Partial<VmPlacementState>;
    const next = asDeclared(ctx, declared, vm, await stateNow(client, vm, state, unplugged));
    await tellWhereAtRest(ctx, vm, state.host);
    return { id, state: next, inputs: inputsOfPlacement(next) };
  },

  /** By the VM's name or id. */
  async import(ctx, name) {
    const engine = engineOf(ctx);
    const vm = await vmIfAny(engine, name);
    if (vm === undefined) return undefined;
    const state = await stateNow(engine.client, vm, { vm: name, host: "" }, []);
    return { id: vm.id, state, inputs: inputsOfPlacement(state) };
  },

  async update(ctx, id, state, news) {
    const engine = engineOf(ctx);
    const vm = await requireVm(engine, news.vm);
    if (vm.id !== id) {
      const own = await findVm(engine.client, id);
      throw (own && renamed(state.vm, own)) ?? anotherThan({ name: state.vm, id }, vm);
    }
    return { state: await place(ctx, vm, news, state) };
  },

  // The VM stays where it is.
  delete: () => Promise.resolve(),
};

function warnOfIgnored({ progress }: HandlerContext, { migration }: MaybeUnknown<VmPlacementInputs>): void {
  const ignored = Object.keys(migration ?? {}).filter((option) => !ours.includes(option));
  if (ignored.length > 0)
    progress.warn(
      `migration.${ignored.join(", migration.")} has no effect on oVirt: the migration policy of the cluster or VM applies.`,
    );
}

/** @param before may have NICs that were without their VF: to be plugged as well. */
async function place(
  ctx: HandlerContext,
  found: EngineVm,
  inputs: VmPlacementInputs,
  before: VmPlacementState | undefined,
): Promise<VmPlacementState> {
  const engine = engineOf(ctx);
  const { client } = engine;
  const host = await lookUpHost(client, inputs.host);
  const options = migrationOptionsSchema.parse(inputs.migration ?? {});
  // Until then NICs are unplugged that the engine will plug again.
  const vm = await withoutMigration(client, found, waitingOf({ ...options, signal: ctx.signal }));
  // A state may come without.
  const wanted = (before as Partial<VmPlacementState> | undefined)?.unplugged ?? [];
  const expected = [...wanted, ...(await pluggedNics(client, vm)).map(({ id }) => id)];
  let now = vm;
  let complaints: readonly string[] = [];
  let over = true;
  const resting = isAtRest(host);
  // A VM that is down is nowhere, and what it is without can be plugged for its next start.
  const stays = resting || (vm.status === "down" && before?.host === inputs.host);
  if (resting) await tellWhereAtRest(ctx, vm, inputs.host);
  else if (!stays && vm.host !== host.id) {
    refuse(await violationsOf(engine, vm, host));
    const began = Date.now();
    try {
      ({
        vm: now,
        complaints,
        over,
      } = await migrate(client, {
        ...options,
        vm,
        host,
        progress: ctx.progress,
        signal: ctx.signal,
      }));
    } catch (error) {
      throw await withStateNow(client, vm, inputs, expected, error);
    }
    if (now.host === host.id) {
      const from =
        (await undefinedIfUnreachable(listHosts(client)))?.find(({ id }) => id === vm.host)?.name ?? "elsewhere";
      ctx.progress.info(moveLine({ vm: vm.name, from, to: host.name, milliseconds: Date.now() - began }));
    }
  }
  const arrived = stays || now.host === host.id;
  const advice = pulumiAdviceWith(arrived ? "up while down" : "up after the start");
  const problems = over ? await plugMissing(client, now, expected, { progress: ctx.progress, advice }) : [notOver(now)];
  const state = await stateNow(client, now, inputs, expected);
  const problem = shortfallOf(now, host, arrived, state, complaints, problems);
  if (problem !== undefined) throw new PartialFailure(problem, vm.id, state);
  return state;
}

/** @param arrived the VM is where it is meant to be */
function shortfallOf(
  vm: EngineVm,
  host: EngineHost,
  arrived: boolean,
  { missing }: VmPlacementState,
  complaints: readonly string[],
  problems: readonly Problem[],
): Problem | undefined {
  if (arrived && missing.length === 0) return undefined;
  const without = missing.length === 0 ? "" : ` without the ${missing.join(" and the ")}`;
  if (!arrived && vm.status === "down") return crashed(vm, host, complaints);
  const why = [...complaints, ...problems.map(({ what }) => what)].map((text) => text.replace(/\.$/, "")).join("; ");
  return {
    code: arrived ? "moved-without-vf" : "move-failed",
    what: `${arrived ? `VM "${vm.name}" runs${vm.host === host.id ? ` on "${host.name}"` : ""}${without}` : `Unable to move VM "${vm.name}" to "${host.name}"`}${why === "" ? "" : `: ${why}`}`,
    ...(!arrived && { state: `The VM is still on its former host${without}.` }),
    remedy:
      [...new Set(problems.flatMap(({ remedy }) => remedy ?? []))].join(" ") ||
      "Resolve the problem reported by the engine, then run pulumi up again.",
  };
}

/** The VM went down while it moved. */
function crashed({ name }: EngineVm, host: EngineHost, complaints: readonly string[]): Problem {
  const why = complaints.map((text) => text.replace(/\.$/, "")).join("; ");
  return {
    code: "move-failed",
    what: `Unable to move VM "${name}" to "${host.name}"${why === "" ? "" : `: ${why}`}`,
    state: "The VM is down.",
    remedy: "Start it, then run pulumi up again.",
  };
}

/** The error, with what is known of the VM now where the engine still says it. */
async function withStateNow(
  client: EngineClient,
  vm: EngineVm,
  inputs: VmPlacementInputs,
  expected: readonly string[],
  cause: unknown,
): Promise<unknown> {
  if (!(cause instanceof ProblemError)) return cause;
  try {
    const now = (await findVm(client, vm.id)) ?? vm;
    const state = await stateNow(client, now, inputs, expected);
    const untouched = now.status !== "migrating" && now.host === vm.host && state.missing.length === 0;
    if (untouched) return cause;
    return new PartialFailure(withoutVfs(cause, now, state), vm.id, state, { ...cause.options, remedyFirst: true });
  } catch (error) {
    if (asUnreachable(error) === undefined) return error;
    const state: VmPlacementState = { ...mark, ...inputs, host: "", missing: [], unplugged: expected };
    return new PartialFailure(
      { ...cause.problem, remedy: "Run pulumi refresh once the engine answers." },
      vm.id,
      state,
      { ...cause.options, remedyFirst: true },
    );
  }
}

/** What was unplugged before it went wrong stays so. */
function withoutVfs(error: ProblemError, { name, status }: EngineVm, { missing }: VmPlacementState): Problem {
  const { problem } = error;
  if (missing.length === 0 || status === "migrating") return problem;
  return {
    ...problem,
    state: `The VM is on its standby, without the ${missing.join(" and the ")}, until a power cycle.`,
    remedy: [remedyFor(error), `Then ${powerCycleOf(name, "up after the start")}`]
      .filter((part) => part !== undefined)
      .join(" "),
  };
}

const mark: OvirtMark = { backend: "ovirt" };

async function stateNow(
  client: EngineClient,
  vm: EngineVm,
  declared: VmPlacementInputs,
  expected: readonly string[],
): Promise<VmPlacementState> {
  const [missing, hosts] = await Promise.all([nicsWithoutVf(client, vm, expected), hostsUnder(client, vm)]);
  const host = hosts.find(({ id }) => id === vm.host);
  return {
    ...mark,
    vm: spelledAs(declared.vm, vm),
    vmId: vm.id,
    // A VM that is down is nowhere: that is no reason to move it.
    // Nor is one that rests elsewhere, since the host that was declared is under maintenance.
    host:
      host === undefined || restsElsewhere(hosts, vm, declared.host) ? declared.host : spelledAs(declared.host, host),
    ...(declared.migration !== undefined && { migration: declared.migration }),
    missing: missing.map(spelledVf),
    unplugged: missing.map(({ id }) => id),
  };
}

async function namesHostAtRest(ctx: HandlerContext, { host }: MaybeUnknown<VmPlacementInputs>): Promise<boolean> {
  if (!isKnown(host)) return false;
  const named = await unlessProblem(() => lookUpHost(engineOf(ctx).client, host));
  return named !== undefined && isAtRest(named);
}

/** Of a VM that runs elsewhere. */
async function announceFrom(ctx: HandlerContext, vm: EngineVm, to: EngineHost): Promise<void> {
  if (vm.host === undefined || vm.host === to.id || !isRunning(vm) || isAtRest(to)) return;
  const from = (await listHosts(engineOf(ctx).client)).find(({ id }) => id === vm.host);
  if (from !== undefined) announceMove(ctx, { vm: vm.name, from: from.name, to: to.name });
}

/** Also where the placement changes in something else than its host, or lacks a VF: `up` moves the VM home then as well. */
async function announceWhereElsewhere(
  ctx: HandlerContext,
  { vm: name, host }: MaybeUnknown<VmPlacementInputs>,
): Promise<void> {
  if (!isKnown(name) || !isKnown(host)) return;
  try {
    const engine = engineOf(ctx);
    const vm = await vmIfAny(engine, name);
    if (vm !== undefined) await announceFrom(ctx, vm, await lookUpHost(engine.client, host));
  } catch (error) {
    // What stands in the way of the move itself is the check's to say.
    if (!(error instanceof ProblemError)) throw error;
  }
}

/** At preview: whether the move can be, as far as the engine tells. An engine that does not answer refuses nothing. */
async function refusals(ctx: HandlerContext, vmName: string, hostName: string): Promise<readonly CheckFailure[]> {
  const engine = engineOf(ctx);
  try {
    const vm = await vmIfAny(engine, vmName);
    if (vm === undefined) {
      ctx.progress.warn(`The engine has no VM "${vmName}" yet. Its move was not validated.`);
      return [];
    }
    const host = await lookUpHost(engine.client, hostName);
    if (host.id === vm.host) return [];
    const broken = await violationsOf(engine, vm, host, ({ message, remedy }) =>
      ctx.progress.warn(`${message} ${remedy}`),
    );
    if (broken.length === 0) await announceFrom(ctx, vm, host);
    return broken.map((violation) => failureOf(violation, "host"));
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable !== undefined) return leftUnchecked(ctx, unreachable);
    if (error instanceof ProblemError)
      return [{ property: absenceOf(error) === undefined ? "vm" : "host", reason: error.message }];
    throw error;
  }
}

/** Why the VM cannot move there; what is no more than a warning goes to `warn`. */
export async function violationsOf(
  engine: Engine,
  vm: EngineVm,
  host: EngineHost,
  warn: (violation: Violation) => void = () => undefined,
): Promise<readonly Violation[]> {
  return violationsIn(engine.client, await readEngine(engine, undefined), vm, host, { warn });
}

/** The same, where the engine was read already. */
export async function violationsIn(
  client: EngineClient,
  view: FullView,
  vm: EngineVm,
  host: EngineHost,
  { warn = () => undefined, reads }: { readonly warn?: (violation: Violation) => void; readonly reads?: HostReads },
): Promise<readonly Violation[]> {
  const facts = await placementFacts(client, view, vm, host, reads);
  const found = evaluate(placementRules, facts).map(onOvirt);
  const isError = ({ severity, rule }: Violation) => severity === "error" && !leftToTheEngine.includes(rule);
  for (const violation of found) if (!isError(violation)) warn(violation);
  return found.filter(isError);
}

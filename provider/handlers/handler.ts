import type * as z from "zod";
import { CONFIG_NAMESPACE, configKeys, type ConfigKey } from "../config/index.js";
import { ProblemError, type Problem, type ProblemOptions } from "../model/problem.js";
import type { Progress } from "../model/progress.js";
import { isWhollyKnown, type MaybeUnknown } from "../model/unknown.js";

/** The stack's configuration that this package reads: `vnic-failover:<key>` in `Pulumi.<stack>.yaml`. */
export { CONFIG_NAMESPACE };
export const CONFIG_KEYS = configKeys;

/** Values as the engine hands them over: secrets in clear, objects and lists as JSON text. */
export type StackConfig = Readonly<Partial<Record<ConfigKey, string>>> & {
  /** Keys of the namespace that have no meaning; without their values, which may be secret. Absent: none. */
  readonly unknownKeys?: readonly string[];
};

export interface HandlerContext {
  readonly config: StackConfig;
  readonly progress: Progress;
  /** Absent where the face that calls does not know it. */
  readonly urn?: string;
  /** URNs of the resources of this program that inputs refer to, by input: known also where their ids are not yet. */
  readonly references?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** One object for every call of a `pulumi` command: they share what the hosts have said. Absent: each call asks for itself. */
  readonly command?: object;
}

/**
 * What one kind of resource does, without a word of Pulumi's wire: the dynamic provider is one face of it.
 * A thrown ProblemError reaches the user as it is.
 */
export interface Handler<Inputs extends object, State extends object> {
  /**
   * Validates what the user declared and fills in defaults.
   * @param news as declared: UNKNOWN wherever a preview can't know the value. Anything else is still unchecked.
   * @param olds the inputs of the resource as it stands, if it does.
   */
  check(ctx: HandlerContext, news: unknown, olds?: Inputs): Promise<Checked<Inputs>>;

  /** What would change. See `diffOf` for the usual answer. `oldInputs` is absent where the face does not know them. */
  diff(
    ctx: HandlerContext,
    id: string,
    state: State,
    news: MaybeUnknown<Inputs>,
    oldInputs?: Inputs,
  ): Promise<ResourceDiff>;

  /** @throws PartialFailure if something exists now although not all went well. */
  create(ctx: HandlerContext, inputs: Inputs): Promise<{ id: string; state: State }>;

  /** What really is there; undefined if it is gone. `inputs` are those that would declare it. */
  read(ctx: HandlerContext, id: string, state: State): Promise<Found<Inputs, State> | undefined>;

  /**
   * What exists already, by its id or by what a person calls it: `pulumi import` has no state to read. Undefined if there
   * is none.
   * @throws ProblemError if the name is of no form that is understood.
   */
  import?(ctx: HandlerContext, name: string): Promise<Found<Inputs, State> | undefined>;

  /** @throws PartialFailure if it is now neither as before nor as wanted. */
  update(ctx: HandlerContext, id: string, state: State, news: Inputs): Promise<{ state: State }>;

  /** Done, too, if it is gone already. */
  delete(ctx: HandlerContext, id: string, state: State): Promise<void>;
}

export interface Found<Inputs, State> {
  readonly id: string;
  readonly state: State;
  readonly inputs: Inputs;
}

export interface Checked<Inputs> {
  readonly inputs: MaybeUnknown<Inputs>;
  readonly failures: readonly CheckFailure[];
}

export interface CheckFailure {
  /** The input's path: `failover`, `qos.inbound.average`. Empty if it is about the resource as a whole. */
  readonly property: string;
  /** Shown as it is: it must not hold a value that the user may keep secret. */
  readonly reason: string;
}

export interface ResourceDiff {
  /** undefined: inputs differ, and the engine tells the user which. true: only what is really there differs. */
  readonly changes: boolean | undefined;
  /** The inputs whose change can only be had by a new resource. */
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/** An operation that ended half-way: what really exists now is saved, and the next `up` goes on from there. */
export class PartialFailure extends ProblemError {
  override readonly name = "PartialFailure";

  constructor(
    problem: Problem,
    readonly id: string,
    readonly state: object,
    options?: ProblemOptions,
  ) {
    super(problem, options);
  }
}

/** The schema's complaints as check failures. Our words for them (model/mistake.ts) name types and limits, never the value. */
export function checkFailures(error: z.ZodError): CheckFailure[] {
  return error.issues.map(({ path, message }) => ({
    property: path.map(String).join("."),
    reason: path.length === 0 ? `The resource ${message}.` : message,
  }));
}

/**
 * The diff of inputs against the state that holds them under the same names.
 * A value that is not known yet counts as a change: the engine plans for it, and asks again once it is known.
 */
export function diffOf<Inputs extends object>(
  state: Partial<Inputs>,
  news: MaybeUnknown<Inputs>,
  rules: {
    /** The inputs to compare, all by default: name those that the state does not hold otherwise. */
    readonly inputs?: readonly (keyof Inputs & string)[];
    readonly replaceOn?: readonly (keyof Inputs & string)[];
    readonly deleteBeforeReplace?: boolean;
    /** What is really there is not what the inputs ask for, although they are unchanged. */
    readonly drifted?: boolean;
  } = {},
): ResourceDiff {
  const names = rules.inputs ?? (Object.keys({ ...state, ...news }) as (keyof Inputs & string)[]);
  const changed = names.filter((name) => !isWhollyKnown(news[name]) || !isSameValue(state[name], news[name]));
  return {
    // `true` would make the engine skip its own comparison of the inputs, and with it the lines of the preview and
    // `replaceOnChanges` (pulumi/pulumi#13679).
    changes: changed.length > 0 ? undefined : (rules.drifted ?? false),
    replaces: changed.filter((name) => rules.replaceOn?.includes(name)),
    deleteBeforeReplace: rules.deleteBeforeReplace ?? false,
  };
}

/** Equal as JSON has it: the order of keys and keys without a value do not matter. */
export function isSameValue(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const left = one as Record<string, unknown>;
  const right = other as Record<string, unknown>;
  return Object.keys({ ...left, ...right }).every((key) => isSameValue(left[key], right[key]));
}

/** The check of a vNIC profile, whatever the backend knows the facts from. */
import type { ProblemError } from "../model/problem.js";
import {
  evaluate,
  profileRules,
  type Profile,
  type ProfileAction,
  type ProfileFacts,
  type Violation,
} from "../rules/index.js";
import type { ProfileRecord } from "../backends/libvirt/xml/network.js";
import { checkFailures, diffOf, type Checked, type CheckFailure, type HandlerContext } from "./handler.js";
import { attributes, vnicProfileSchema, type DeclaredInputs, type VnicProfileInputs } from "./inputs/vnic-profile.js";
import { leftUnchecked } from "./unreachable-warning.js";
import { declarationsOf, futureId } from "./declarations.js";
import { errorsAtCheck, failureOf, refuse } from "./rule-errors.js";
import { replacedInputs } from "./replacement.js";
import { differ, type MaybeUnknown } from "../model/unknown.js";

/** What is about to be done to which stored profile, and as whom the rules know it. */
export interface Subject {
  readonly action: ProfileAction;
  readonly stored: ProfileRecord | undefined;
  readonly urn?: string | undefined;
  /** Of the profile that `failover` refers to, where that is a resource of this program. */
  readonly failoverUrn?: string | undefined;
  /** The stored profile that goes before this one comes. */
  readonly replaced?: ProfileRecord | undefined;
  /** Interfaces of this stack go before it does: the engine replaces them with it. */
  readonly withInterfaces?: true;
}

/** What a backend has to say of a profile that is declared. */
export interface ProfileKnowledge {
  /** Why something is not known. */
  readonly unreachable: ProblemError | undefined;
  readonly stored: ProfileRecord | undefined;
  /** The stored profile that the resource of this URN has made; undefined: not known to be there. */
  readonly own?: ProfileRecord | undefined;
  readonly factsOf: (subject: Subject) => ProfileFacts;
}

/** @param ask of the backend: `sought` is the profile as it was declared before, or the one to adopt. */
export async function checkProfile(
  ctx: HandlerContext,
  news: unknown,
  olds: VnicProfileInputs | undefined,
  ask: (
    declared: MaybeUnknown<DeclaredInputs>,
    sought: Pick<MaybeUnknown<VnicProfileInputs>, "name" | "network"> | undefined,
  ) => Promise<ProfileKnowledge>,
): Promise<Checked<VnicProfileInputs>> {
  const parsed = vnicProfileSchema.safeParse(news);
  if (!parsed.success)
    return { inputs: news as MaybeUnknown<VnicProfileInputs>, failures: checkFailures(parsed.error) };
  const declared = parsed.data as MaybeUnknown<DeclaredInputs>;
  // The rules tell apart what was left out from what was declared; what is stored has no such shade.
  const inputs: MaybeUnknown<VnicProfileInputs> = { ...declared, migratable: declared.migratable ?? false };
  const { urn } = ctx;
  const failoverUrn = ctx.references?.["failover"];
  if (urn !== undefined)
    declarationsOf(ctx).profiles.set(urn, { profile: previewOf(declared, futureId(urn)), failoverUrn });
  // What exists and is not changed was checked when it was created: no host is asked for it.
  if (olds !== undefined && diffOf(olds, inputs, { inputs: attributes }).changes === false)
    return { inputs, failures: [] };
  const replaced = replacedInputs(ctx, olds);
  const adopts = declared.adopt === true;
  const { unreachable, stored, own, factsOf } = await ask(
    declared,
    olds ?? replaced ?? (adopts ? declared : undefined),
  );
  const unchecked = unreachable === undefined ? [] : leftUnchecked(ctx, unreachable);
  if (unchecked.length > 0) return { inputs, failures: unchecked };
  const of = (action: ProfileAction) =>
    factsOf({ action, stored: action === "add" ? undefined : stored, urn, failoverUrn });
  const replacement = (old: ProfileRecord, why: string) => {
    const removal = { ...factsOf({ action: "remove", stored: old, urn, withInterfaces: true }), profile: old };
    const addition = factsOf({ action: "add", stored: undefined, urn, failoverUrn, replaced: old });
    return { inputs, failures: [...removalFailures(ctx, removal, why), ...failuresOf(ctx, addition)] };
  };
  const gone = olds === undefined && !adopts ? (replaced === undefined ? own : stored) : undefined;
  if (gone !== undefined) return replacement(gone, "The profile must be replaced.");
  // What is adopted exists: it is edited, and not added once more.
  if (olds === undefined && stored === undefined) return { inputs, failures: failuresOf(ctx, of("add")) };
  // It went in a command that could not make the other one any more.
  if (stored === undefined && unreachable === undefined && differ(declared.network, olds?.network))
    return { inputs, failures: failuresOf(ctx, of("add")) };
  const edit = of("edit");
  if (stored !== undefined && edit.stored !== undefined && differ(edit.profile.network, edit.stored.network))
    return replacement(stored, "Changing the network replaces the profile.");
  // A host that does not answer cannot say that the profile is gone.
  return {
    inputs,
    failures: failuresOf(ctx, edit, olds !== undefined && unreachable !== undefined ? ["profile-exists"] : []),
  };
}

/** @param except rules whose facts are not known. @throws ProblemError of the first rule that is broken. */
export function refuseProfile(facts: ProfileFacts, except: readonly string[] = []): void {
  refuse(violationsOf(facts, except).filter(({ severity }) => severity === "error"));
}

export function previewOf({ adopt: _, ...profile }: MaybeUnknown<DeclaredInputs>, id: string): MaybeUnknown<Profile> {
  return { id, ...profile };
}

/** A profile's name is unique: the old one has to go before the other comes. */
function removalFailures(ctx: HandlerContext, facts: ProfileFacts, why: string): CheckFailure[] {
  return failuresOf(ctx, facts).map(({ reason }) => ({ property: "network", reason: `${why} ${reason}` }));
}

function failuresOf(ctx: HandlerContext, facts: ProfileFacts, except: readonly string[] = []): CheckFailure[] {
  return errorsAtCheck(ctx, violationsOf(facts, except)).map((violation) => failureOf(violation));
}

function violationsOf(facts: ProfileFacts, except: readonly string[] = []): Violation[] {
  const rules = profileRules[facts.action].filter(({ id }) => !except.includes(id));
  return evaluate(rules, facts, { firstOnly: true });
}

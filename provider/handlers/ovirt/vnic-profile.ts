/** VnicProfile over oVirt: the engine's own profile. */
import {
  EngineUnreachable,
  addProfile,
  findProfile,
  listProfiles,
  removeProfile,
  updateProfile,
  type EngineProfile,
  type ProfileWrite,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../problem.js";
import {
  evaluate,
  isKnown,
  notYetKnown,
  problemOf,
  profileRules,
  type Preview,
  type Profile,
  type ProfileAction,
  type ProfileFacts,
  type Violation,
} from "../../rules/index.js";
import type { ProfileRecord } from "../../xml/network.js";
import type { OvirtMark } from "../by-backend.js";
import { checkFailures, diffOf, type Checked, type Handler } from "../handler.js";
import { attributes, vnicProfileSchema, type DeclaredInputs, type VnicProfileInputs } from "../inputs/vnic-profile.js";
import { knownProfiles, referredId, usersOf } from "../knowledge.js";
import { declaredProfiles, futureId } from "../program.js";
import type { MaybeUnknown } from "../unknown.js";
import {
  canonicalName,
  idNamed,
  logicalNetworks,
  namesOf,
  readEngine,
  readEngineIfItAnswers,
  recordOf,
  type EngineView,
  type FullView,
} from "./knowledge.js";
import { absenceOf, engineOf, type Engine } from "./session.js";

export interface VnicProfileState extends VnicProfileInputs, OvirtMark {
  readonly schemaVersion: 1;
  /** There is one store. */
  readonly differsOn: readonly [];
}

export const vnicProfile: Handler<VnicProfileInputs, VnicProfileState> = {
  async check(ctx, news, olds): Promise<Checked<VnicProfileInputs>> {
    const parsed = vnicProfileSchema.safeParse(news);
    if (!parsed.success)
      return { inputs: news as MaybeUnknown<VnicProfileInputs>, failures: checkFailures(parsed.error) };
    const declared = parsed.data as MaybeUnknown<DeclaredInputs>;
    const inputs: MaybeUnknown<VnicProfileInputs> = { ...declared, migratable: declared.migratable ?? false };
    const failoverUrn = ctx.references?.["failover"];
    if (ctx.urn !== undefined)
      declaredProfiles.set(ctx.urn, { profile: previewOf(declared, futureId(ctx.urn)), failoverUrn });
    // What stands and is not changed was checked when it came to be: the engine is not asked for it.
    if (olds !== undefined && diffOf(olds, inputs, { inputs: attributes }).changes === false)
      return { inputs, failures: [] };
    const mayBeInUse = olds !== undefined || declared.adopt === true;
    const view = await readEngineIfItAnswers(engineOf(ctx), mayBeInUse ? "every VM" : undefined);
    if (view.silence !== undefined)
      ctx.progress.warn(`${view.silence.message} What the engine knows could not be checked.`);
    const stored = storedAs(view, olds ?? (declared.adopt === true ? declared : undefined));
    const action = olds === undefined && stored === undefined ? "add" : "edit";
    const facts = factsFor(view, declared, {
      action,
      stored: stored && comparable(stored, declared, olds),
      urn: ctx.urn,
      failoverUrn,
    });
    return {
      inputs,
      failures: violationsOf(facts, view.silence !== undefined).map(({ property = "", message, remedy }) => ({
        property,
        reason: `${message} ${remedy}`,
      })),
    };
  },

  diff: (_ctx, _id, state, news) =>
    Promise.resolve(
      // A profile's network never changes (VnicProfileValidator.networkNotChanged).
      diffOf<VnicProfileInputs>(state, news, { inputs: attributes, replaceOn: ["network"], deleteBeforeReplace: true }),
    ),

  async create(ctx, inputs) {
    const engine = engineOf(ctx);
    const view = await readEngine(engine, inputs.adopt === true ? "every VM" : undefined);
    const same = storedAs(view, inputs);
    if (same !== undefined && inputs.adopt === true) {
      return { id: same.id, state: stateOf(await edited(engine, view, same, inputs), view, inputs) };
    }
    if (same !== undefined) {
      throw new ProblemError({
        code: "profile-exists",
        what: `Unable to create vNIC profile "${inputs.name}": network "${inputs.network}" has one of that name already (${same.id})`,
        remedy: "Use adopt: true to take it over, or choose another name.",
      });
    }
    refuse(factsFor(view, inputs, { action: "add", stored: undefined, urn: ctx.urn }));
    const added = await addedOnce(engine, {
      ...writeOf(view, inputs),
      name: inputs.name,
      network: networkId(view, inputs),
    });
    return { id: added.id, state: stateOf(added, view, inputs) };
  },

  async read(ctx, id, state) {
    const engine = engineOf(ctx);
    const found = await findProfile(engine.client, id);
    if (found === undefined) return undefined;
    const next = stateOf(found, await readEngine(engine, undefined), state);
    return { id, state: next, inputs: inputsOf(next) };
  },

  async update(ctx, id, state, news) {
    const engine = engineOf(ctx);
    const view = await readEngine(engine, "every VM");
    const stored = view.profiles.find((profile) => profile.id === id);
    if (stored === undefined) {
      throw new ProblemError({
        code: "profile-gone",
        what: `Unable to edit vNIC profile "${news.name}": the engine has it no longer`,
        remedy: "Run pulumi refresh, so that the profile is created anew.",
      });
    }
    return { state: stateOf(await edited(engine, view, stored, news, state), view, news) };
  },

  async delete(ctx, id, state) {
    const engine = engineOf(ctx);
    const view = await readEngine(engine, "every VM");
    const stored = view.profiles.find((profile) => profile.id === id);
    if (stored === undefined) return;
    refuse(factsFor(view, inputsOf(state), { action: "remove", stored, urn: ctx.urn }));
    await removeProfile(engine.client, id).catch((error: unknown) => {
      if (absenceOf(error) === undefined) throw error;
    });
  },
};

/** An edit that changes nothing is none: the engine refuses any of a profile that acts as failover. */
async function edited(
  { client }: Engine,
  view: FullView,
  stored: ProfileRecord,
  inputs: VnicProfileInputs,
  olds?: VnicProfileInputs,
): Promise<EngineProfile | ProfileRecord> {
  const before = comparable(stored, inputs, olds);
  const wanted = recordOfInputs(view, stored.id, inputs);
  if (diffOf<VnicProfileInputs>(before, wanted, { inputs: attributes }).changes === false) return stored;
  refuse(factsFor(view, inputs, { action: "edit", stored: before }));
  return updateProfile(client, stored.id, {
    ...writeOf(view, inputs, before),
    name: inputs.name,
    description: inputs.description ?? "",
    customProperties: inputs.customProperties,
  });
}

/**
 * Where the answer was lost nobody knows whether the profile was added, and a second request would be refused for its
 * name: so it is looked for.
 */
async function addedOnce(
  { client }: Engine,
  profile: ProfileWrite & { readonly name: string; readonly network: string },
): Promise<EngineProfile> {
  try {
    return await addProfile(client, profile);
  } catch (error) {
    if (!(error instanceof EngineUnreachable) || !error.mayHaveArrived) throw error;
    const { name, network } = profile;
    const added = (await listProfiles(client)).find((found) => found.name === name && found.network === network);
    if (added === undefined) throw error;
    return added;
  }
}

/**
 * What the attributes are to the engine.
 *
 * A filter that is not declared is the engine's business, whose default for VM networks guards against MAC spoofing. It
 * must go from a profile that becomes passthrough, and goes where it was declared before (VnicProfileMapper.java: an
 * empty `<network_filter/>` clears).
 */
function writeOf(view: FullView, inputs: VnicProfileInputs, before?: ProfileRecord): ProfileWrite {
  const { passThrough, migratable, failover, portMirroring, networkFilter, qos, customProperties, description } =
    inputs;
  const filterGoes = before !== undefined && (passThrough === "enabled" || before.networkFilter !== undefined);
  return {
    description,
    passThrough,
    ...(passThrough === "enabled" && { migratable }),
    portMirroring,
    failover,
    networkFilter:
      networkFilter === undefined
        ? filterGoes
          ? null
          : undefined
        : idNamed("network filter", view.filters, networkFilter),
    qos: qos === undefined ? (before === undefined ? undefined : null) : idNamed("QoS", view.qos, qos),
    ...(Object.keys(customProperties).length > 0 && { customProperties }),
  };
}

interface Subject {
  readonly action: ProfileAction;
  readonly stored: ProfileRecord | undefined;
  readonly urn?: string | undefined;
  readonly failoverUrn?: string | undefined;
}

function factsFor(
  view: EngineView,
  inputs: MaybeUnknown<DeclaredInputs>,
  { action, stored, urn, failoverUrn }: Subject,
): ProfileFacts {
  const id = stored?.id ?? (urn === undefined ? "new" : futureId(urn));
  const users = usersOf(view, id);
  const profile = previewOf(inputs, id);
  return {
    action,
    backend: "ovirt",
    profile: {
      ...profile,
      network: canonicalName(view.networks, profile.network),
      networkFilter: canonicalName(view.filters, profile.networkFilter),
      qos: canonicalName(view.qos, profile.qos),
      failover: referredId(view, profile.failover, failoverUrn),
    },
    stored,
    others: knownProfiles(view, urn, stored?.id),
    networks: logicalNetworks(view.networks),
    usedByVms: users.direct,
    standbyOfVms: users.standby,
    // The engine knows them, and what its administrator allows as custom properties; it has the last word.
    usedByTemplates: notYetKnown,
    qosNames: namesOf(view.qos),
    networkFilters: namesOf(view.filters),
    customPropertyNames: notYetKnown,
  };
}

function violationsOf(facts: ProfileFacts, engineIsSilent = false): Violation[] {
  // A silent engine cannot say that the profile is gone.
  const rules = profileRules[facts.action].filter(({ id }) => !engineIsSilent || id !== "profile-exists");
  return evaluate(rules, facts, { firstOnly: true }).filter(({ severity }) => severity === "error");
}

function refuse(facts: ProfileFacts): void {
  const [first] = violationsOf(facts);
  if (first !== undefined) throw new ProblemError(problemOf(first));
}

function previewOf(inputs: MaybeUnknown<DeclaredInputs>, id: string): Preview<Profile> {
  const { adopt: _, ...profile } = inputs;
  return { id, ...profile };
}

/** The stored profile of that name on that network. */
function storedAs(
  view: EngineView,
  inputs: Pick<MaybeUnknown<VnicProfileInputs>, "name" | "network"> | undefined,
): ProfileRecord | undefined {
  if (inputs === undefined || !isKnown(view.profiles)) return undefined;
  const network = canonicalName(view.networks, inputs.network);
  return view.profiles.find((profile) => profile.name === inputs.name && profile.network === network);
}

function networkId(view: FullView, { network }: VnicProfileInputs): string {
  return idNamed("network", view.networks, network);
}

/** The stored profile without what the program never had a say in. */
function comparable(
  stored: ProfileRecord,
  news: MaybeUnknown<DeclaredInputs>,
  olds: MaybeUnknown<DeclaredInputs> | undefined,
): ProfileRecord {
  const { networkFilter, ...rest } = stored;
  const declared = news.networkFilter !== undefined || olds?.networkFilter !== undefined;
  return {
    ...rest,
    ...(declared && networkFilter !== undefined && { networkFilter }),
    migratable: migratableOf(stored, news.migratable === true),
  };
}

/** The engine has the attribute on passthrough profiles only. */
function migratableOf({ passThrough, migratable }: ProfileRecord, declared: boolean | undefined): boolean {
  return passThrough === "enabled" ? migratable : (declared ?? false);
}

function recordOfInputs(view: FullView, id: string, inputs: VnicProfileInputs): ProfileRecord {
  const { adopt: _, ...profile } = inputs;
  return {
    id,
    ...profile,
    network: canonicalName(view.networks, profile.network),
    ...(profile.networkFilter !== undefined && { networkFilter: canonicalName(view.filters, profile.networkFilter) }),
    ...(profile.qos !== undefined && { qos: canonicalName(view.qos, profile.qos) }),
  };
}

/** As the engine has it, spelled as it was declared. */
function stateOf(
  found: EngineProfile | ProfileRecord,
  view: FullView,
  declared: Partial<VnicProfileInputs>,
): VnicProfileState {
  // Records have names where the engine has ids: what is no id stays as it is.
  const { id: _, ...profile } = recordOf(found, view);
  const { networkFilter, qos, ...rest } = profile;
  const asGiven = (things: FullView["filters"], name: string, given: string | undefined) =>
    given !== undefined && canonicalName(things, given) === name ? given : name;
  return {
    schemaVersion: 1,
    backend: "ovirt",
    ...rest,
    network: asGiven(view.networks, profile.network, declared.network),
    migratable: migratableOf({ id: found.id, ...profile }, declared.migratable),
    ...(declared.networkFilter !== undefined &&
      networkFilter !== undefined && { networkFilter: asGiven(view.filters, networkFilter, declared.networkFilter) }),
    ...(qos !== undefined && { qos: asGiven(view.qos, qos, declared.qos) }),
    ...(declared.adopt !== undefined && { adopt: declared.adopt }),
    differsOn: [],
  };
}

function inputsOf({ schemaVersion: _, backend: __, differsOn: ___, ...inputs }: VnicProfileState): VnicProfileInputs {
  return inputs;
}

/** VnicProfile on oVirt: the engine's own profile. */
import {
  addProfile,
  findProfile,
  listProfiles,
  mayHaveArrived,
  removeProfile,
  updateProfile,
  type EngineProfile,
  type ProfileWrite,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import type { ProfileFacts } from "../../rules/index.js";
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import type { OvirtMark } from "../backend-dispatch.js";
import { diffOf, type Handler } from "../handler.js";
import { attributes, diffOfProfile, type DeclaredInputs, type VnicProfileInputs } from "../inputs/vnic-profile.js";
import { knownProfiles, referredId, usersOf } from "../cluster-view.js";
import { checkProfile, previewOf, refuseProfile, type Subject } from "../profile-check.js";
import { declarationsOf, futureId } from "../declarations.js";
import { noteAdopted, wasAdopted } from "../replacement.js";
import { isKnown, UNKNOWN, type MaybeUnknown } from "../../model/unknown.js";
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
} from "./cluster-view.js";
import { absenceOf, engineOf, type Engine } from "./session.js";

export interface VnicProfileState extends VnicProfileInputs, OvirtMark {
  /** There is one store. */
  readonly differsOn: readonly [];
}

export const vnicProfile: Handler<VnicProfileInputs, VnicProfileState> = {
  check(ctx, news, olds) {
    return checkProfile(ctx, news, olds, async (declared, sought) => {
      const mayBeInUse = sought !== undefined;
      const view = await readEngineIfItAnswers(engineOf(ctx), mayBeInUse ? "every VM" : undefined, declarationsOf(ctx));
      const stored = storedAs(view, sought);
      return {
        unreachable: view.unreachable,
        stored: stored && comparable(stored, declared, olds),
        factsOf: (subject) => factsFor(view, declared, subject),
      };
    });
  },

  diff: (_ctx, _id, state, news) => Promise.resolve(diffOfProfile(state, news)),

  async create(ctx, inputs) {
    const engine = engineOf(ctx);
    const view = await readEngine(engine, inputs.adopt === true ? "every VM" : undefined, declarationsOf(ctx));
    const same = storedAs(view, inputs);
    if (same !== undefined && inputs.adopt === true) {
      noteAdopted(ctx, same.id);
      return { id: same.id, state: stateOf(await edited(engine, view, same, { urn: ctx.urn, inputs }), view, inputs) };
    }
    if (same !== undefined) {
      throw new ProblemError({
        code: "profile-exists",
        what: `Unable to create vNIC profile "${inputs.name}": network "${inputs.network}" already has one of that name (${same.id})`,
        remedy: "Use adopt: true to take it over, or choose another name.",
      });
    }
    refuseProfile(factsFor(view, inputs, { action: "add", stored: undefined, urn: ctx.urn }));
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

  /** By its id, or as `network/name`. */
  async import(ctx, name) {
    const view = await readEngine(engineOf(ctx), undefined);
    const found = view.profiles.find((profile) => profile.id === name || `${profile.network}/${profile.name}` === name);
    if (found === undefined) return undefined;
    const state = stateOf(found, view, {});
    return { id: found.id, state, inputs: inputsOf(state) };
  },

  async update(ctx, id, state, news) {
    const engine = engineOf(ctx);
    const view = await readEngine(engine, "every VM", declarationsOf(ctx));
    const stored = await storedAt(engine, view, id);
    if (stored === undefined) {
      throw new ProblemError({
        code: "profile-gone",
        what: `Unable to edit vNIC profile "${news.name}": the engine no longer has it`,
        remedy: "Run pulumi refresh, then pulumi up: the profile is created again.",
      });
    }
    return {
      state: stateOf(await edited(engine, view, stored, { urn: ctx.urn, inputs: news, olds: state }), view, news),
    };
  },

  async delete(ctx, id, state) {
    if (wasAdopted(ctx, id)) return;
    const engine = engineOf(ctx);
    const view = await readEngine(engine, "every VM", declarationsOf(ctx));
    const stored = await storedAt(engine, view, id);
    if (stored === undefined) return;
    refuseProfile(factsFor(view, inputsOf(state), { action: "remove", stored, urn: ctx.urn }));
    await removeProfile(engine.client, id).catch((error: unknown) => {
      if (absenceOf(error) === undefined) throw error;
    });
  },
};

interface Edit {
  readonly urn: string | undefined;
  readonly inputs: VnicProfileInputs;
  /** Absent: the profile is adopted. */
  readonly olds?: VnicProfileInputs;
}

/** An edit that changes nothing is none: the engine refuses any of a profile that acts as failover. */
async function edited(
  { client }: Engine,
  view: FullView,
  stored: ProfileRecord,
  { urn, inputs, olds }: Edit,
): Promise<EngineProfile | ProfileRecord> {
  const before = comparable(stored, inputs, olds);
  const wanted = recordOfInputs(view, stored.id, inputs);
  if (diffOf<VnicProfileInputs>(before, wanted, { inputs: attributes }).changes === false) return stored;
  refuseProfile(factsFor(view, inputs, { action: "edit", stored: before, urn }));
  return updateProfile(client, stored.id, {
    ...writeOf(view, inputs, before),
    name: inputs.name,
    description: inputs.description ?? "",
    customProperties: inputs.customProperties,
  });
}

/**
 * Where the answer was lost it is unknown whether the profile was added, and a second request would be refused for its
 * name: so it is looked for.
 */
async function addedOnce(
  { client }: Engine,
  profile: ProfileWrite & { readonly name: string; readonly network: string },
): Promise<EngineProfile> {
  try {
    return await addProfile(client, profile);
  } catch (error) {
    if (!mayHaveArrived(error)) throw error;
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
    usedByTemplates: UNKNOWN,
    qosNames: namesOf(view.qos),
    networkFilters: namesOf(view.filters),
    customPropertyNames: UNKNOWN,
  };
}

/**
 * The profile of that id. A list leaves out what it can't read: that a profile is not in it does not say that it is gone.
 * @throws XmlError where it is there and can't be read.
 */
async function storedAt({ client }: Engine, view: FullView, id: string): Promise<ProfileRecord | undefined> {
  const listed = view.profiles.find((profile) => profile.id === id);
  if (listed !== undefined) return listed;
  const found = await findProfile(client, id);
  return found && recordOf(found, view);
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

function inputsOf({ backend: _, differsOn: __, ...inputs }: VnicProfileState): VnicProfileInputs {
  return inputs;
}

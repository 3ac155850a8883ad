/** VnicProfile: a libvirt network of that name on every host, with the profile's attributes in its metadata. */
import { randomUUID } from "node:crypto";
import { ProblemError } from "../problem.js";
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
} from "../rules/index.js";
import type { ProfileRecord } from "../xml/network.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import { checkFailures, diffOf, type Checked, type Handler } from "./handler.js";
import { attributes, vnicProfileSchema, type DeclaredInputs, type VnicProfileInputs } from "./inputs/vnic-profile.js";
import { knownProfiles, networksOf, readStore, referredId, ruleProfile, usersOf, type StoreView } from "./knowledge.js";
import { declaredProfiles, futureId } from "./program.js";
import { clusterOf } from "./session.js";
import type { MaybeUnknown } from "./unknown.js";

export interface VnicProfileState extends VnicProfileInputs {
  readonly schemaVersion: 1;
  /** Hosts that lack the profile or have it otherwise; empty after every update. */
  readonly differsOn: readonly string[];
}

export const vnicProfile: Handler<VnicProfileInputs, VnicProfileState> = {
  async check(ctx, news, olds): Promise<Checked<VnicProfileInputs>> {
    const parsed = vnicProfileSchema.safeParse(news);
    if (!parsed.success)
      return { inputs: news as MaybeUnknown<VnicProfileInputs>, failures: checkFailures(parsed.error) };
    const declared = parsed.data as MaybeUnknown<DeclaredInputs>;
    // The rules tell apart what was left out from what was declared; what is stored has no such shade.
    const inputs: MaybeUnknown<VnicProfileInputs> = { ...declared, migratable: declared.migratable ?? false };
    if (ctx.urn !== undefined)
      declaredProfiles.set(ctx.urn, {
        profile: previewOf(declared, futureId(ctx.urn)),
        failoverUrn: ctx.references?.["failover"],
      });
    // What stands and is not changed was checked when it came to be: no host is asked for it.
    if (olds !== undefined && diffOf(olds, inputs, { inputs: attributes }).changes === false)
      return { inputs, failures: [] };
    const cluster = clusterOf(ctx);
    const store = await readStore(cluster);
    if (store.silence !== undefined)
      ctx.progress.warn(`${store.silence.message} What that host knows could not be checked.`);
    // What is adopted exists: it is edited, and not added once more.
    const stored = storedAs(store, olds ?? (declared.adopt === true ? declared : undefined));
    const facts = factsFor(cluster, store, declared, {
      action: olds === undefined && stored === undefined ? "add" : "edit",
      stored,
      urn: ctx.urn,
      failoverUrn: ctx.references?.["failover"],
    });
    return {
      inputs,
      failures: violationsOf(facts, olds !== undefined && store.silence !== undefined).map(
        ({ property = "", message, remedy }) => ({ property, reason: `${message} ${remedy}` }),
      ),
    };
  },

  diff: (_ctx, _id, state, news) =>
    Promise.resolve(
      // oVirt's rule: a profile's network never changes. A new profile of the same name needs the old one gone.
      diffOf<VnicProfileInputs>(state, news, {
        inputs: attributes,
        replaceOn: ["network"],
        deleteBeforeReplace: true,
        drifted: state.differsOn.length > 0,
      }),
    ),

  async create(ctx, inputs) {
    const cluster = clusterOf(ctx);
    const store = await readStoreOrFail(cluster);
    const same = listed(store).find((profile) => profile.name === inputs.name && profile.network === inputs.network);
    if (same !== undefined && inputs.adopt === true) {
      const record = recordOf(same.id, inputs);
      if (changedAttributes(same, record)) {
        refuse(factsFor(cluster, store, inputs, { action: "edit", stored: same, urn: ctx.urn }));
      }
      await cluster.profiles.save(record);
      return { id: same.id, state: stateOf(record, inputs.adopt, []) };
    }
    if (same !== undefined) {
      throw new ProblemError({
        code: "profile-exists",
        what: `Unable to create vNIC profile "${inputs.name}": network "${inputs.network}" has one of that name already (${same.id})`,
        remedy: "Use adopt: true to take it over, or choose another name.",
      });
    }
    refuse(factsFor(cluster, store, inputs, { action: "add", stored: undefined, urn: ctx.urn }));
    const record = recordOf(randomUUID(), inputs);
    await cluster.profiles.save(record);
    return { id: record.id, state: stateOf(record, inputs.adopt, []) };
  },

  async read(ctx, id, state) {
    const found = await clusterOf(ctx).profiles.find(id);
    if (found === undefined) return undefined;
    const next = stateOf(found.profile, state.adopt, found.differsOn);
    return { id, state: next, inputs: inputsOf(next) };
  },

  async update(ctx, id, state, news) {
    const cluster = clusterOf(ctx);
    const store = await readStoreOrFail(cluster);
    const stored = listed(store).find((profile) => profile.id === id);
    const record = recordOf(id, news);
    if (stored === undefined || changedAttributes(stored, record)) {
      refuse(factsFor(cluster, store, news, { action: "edit", stored: stored ?? recordOf(id, state), urn: ctx.urn }));
    }
    await cluster.profiles.save(record);
    return { state: stateOf(record, news.adopt, []) };
  },

  async delete(ctx, id, state) {
    const cluster = clusterOf(ctx);
    const store = await readStoreOrFail(cluster);
    const stored = listed(store).find((profile) => profile.id === id);
    if (stored !== undefined)
      refuse(
        factsFor(cluster, store, inputsOf(stateOf(stored, state.adopt, [])), {
          action: "remove",
          stored,
          urn: ctx.urn,
        }),
      );
    await cluster.profiles.remove(id);
  },
};

interface Subject {
  readonly action: ProfileAction;
  readonly stored: ProfileRecord | undefined;
  readonly urn?: string | undefined;
  readonly failoverUrn?: string | undefined;
}

function factsFor(
  cluster: LibvirtCluster,
  store: StoreView,
  inputs: MaybeUnknown<DeclaredInputs>,
  { action, stored, urn, failoverUrn }: Subject,
): ProfileFacts {
  const id = stored?.id ?? (urn === undefined ? "new" : futureId(urn));
  const users = usersOf(store, id);
  const profile = previewOf(inputs, id);
  const failover = referredId(store, profile.failover, failoverUrn);
  return {
    action,
    backend: "libvirt",
    profile: { ...profile, failover },
    stored: stored === undefined ? undefined : ruleProfile(stored),
    others: knownProfiles(store, urn, stored?.id),
    networks: networksOf(cluster),
    usedByVms: users.direct,
    standbyOfVms: users.standby,
    usedByTemplates: [],
    qosNames: notYetKnown,
    networkFilters: notYetKnown,
    customPropertyNames: notYetKnown,
  };
}

function violationsOf(facts: ProfileFacts, storeIsSilent = false): Violation[] {
  // A silent host cannot say that the profile is gone.
  const rules = storeIsSilent
    ? profileRules[facts.action].filter(({ id }) => id !== "profile-exists")
    : profileRules[facts.action];
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

async function readStoreOrFail(cluster: LibvirtCluster): Promise<StoreView> {
  const store = await readStore(cluster);
  if (store.silence !== undefined) throw store.silence;
  return store;
}

function listed({ profiles }: StoreView): readonly ProfileRecord[] {
  return isKnown(profiles) ? profiles : [];
}

/** The stored profile that the old inputs declared: of their name on their network. */
function storedAs(
  store: StoreView,
  inputs: Pick<MaybeUnknown<VnicProfileInputs>, "name" | "network"> | undefined,
): ProfileRecord | undefined {
  return listed(store).find(({ name, network }) => name === inputs?.name && network === inputs.network);
}

function recordOf(id: string, inputs: VnicProfileInputs): ProfileRecord {
  const {
    name,
    network,
    passThrough,
    migratable,
    failover,
    portMirroring,
    networkFilter,
    qos,
    customProperties,
    description,
  } = inputs;
  return {
    id,
    name,
    network,
    passThrough,
    migratable,
    portMirroring,
    customProperties,
    ...(failover !== undefined && { failover }),
    ...(networkFilter !== undefined && { networkFilter }),
    ...(qos !== undefined && { qos }),
    ...(description !== undefined && { description }),
  };
}

function stateOf(
  { id: _, ...profile }: ProfileRecord,
  adopt: boolean | undefined,
  differsOn: readonly string[],
): VnicProfileState {
  return { schemaVersion: 1, ...profile, ...(adopt !== undefined && { adopt }), differsOn };
}

function inputsOf({ schemaVersion: _, differsOn: __, ...inputs }: VnicProfileState): VnicProfileInputs {
  return inputs;
}

function changedAttributes(one: ProfileRecord, other: ProfileRecord): boolean {
  return attributes.some((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
}

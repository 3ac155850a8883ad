/** AddVnicProfileCommand, UpdateVnicProfileCommand, RemoveVnicProfileCommand. */
import { named, put, type Model, type Profile } from "../model.js";
import { addProfileRules, removeProfileRules, updateProfileRules } from "../rules/profile.js";
import { validate } from "../rules/rule.js";
import type { Caller } from "./caller.js";
import { checkProfile } from "./parameters.js";

const type = "VM network interface profile";

/** The filter that an engine gives profiles that ask for none (EnableMACAntiSpoofingFilterRules). */
const defaultFilter = "vdsm-no-mac-spoofing";

/** @throws EngineFault */
export function addProfile(model: Model, profile: Profile, useDefaultFilter: boolean, caller: Caller): Profile {
  checkProfile(profile);
  validate(addProfileRules, { model, profile, defaultFilter: useDefaultFilter }, { action: "add", type });
  // A passthrough profile gets none.
  if (useDefaultFilter && !profile.passThrough) {
    profile.networkFilter = named(model.networkFilters, defaultFilter)?.id;
  }
  report(model, 1122, "added to", profile, caller);
  return put(model.profiles, profile);
}

/** @throws EngineFault */
export function updateProfile(model: Model, profile: Profile, caller: Caller): Profile {
  const facts = { model, profile, stored: model.profiles.get(profile.id) };
  checkProfile(profile);
  validate(updateProfileRules, facts, { action: "edit", type });
  report(model, 1124, "updated for", profile, caller);
  return put(model.profiles, profile);
}

/**
 * That a profile is another's failover does not keep it: the foreign key is ON DELETE SET NULL.
 * @throws EngineFault
 */
export function removeProfile(model: Model, profile: Profile, caller: Caller): void {
  validate(removeProfileRules, { model, profile, stored: profile }, { action: "remove", type });
  model.profiles.delete(profile.id);
  for (const other of model.profiles.values()) if (other.failover === profile.id) other.failover = undefined;
  report(model, 1126, "removed from", profile, caller);
}

function report(model: Model, code: number, done: string, profile: Profile, { user, correlationId }: Caller): void {
  const network = model.networks.get(profile.network);
  const dataCenter = network === undefined ? undefined : model.dataCenters.get(network.dataCenter);
  model.report({
    code,
    severity: "normal",
    correlationId,
    user,
    description: `VM network interface profile ${profile.name} was ${done} network ${network?.name ?? ""} in Data Center: ${dataCenter?.name ?? ""}. (User: ${user})`,
  });
}

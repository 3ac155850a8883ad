/**
 * What a program reads of a resource where its state says nothing. A preview takes an output that a state leaves out for one
 * that is not known yet, and shows each stack output that comes from it as changed: so nothing is written as null.
 */
import { nullableOutputs } from "../model/describe.js";
import type { Kind } from "../model/kind.js";
import { resourceTypes } from "../model/resources/index.js";

type Values = Readonly<Record<string, unknown>>;

const perhapsNothing: Readonly<Record<Kind, readonly string[]>> = {
  VnicProfile: nullableOutputs(resourceTypes.VnicProfile),
  VmInterface: nullableOutputs(resourceTypes.VmInterface),
  VmPlacement: nullableOutputs(resourceTypes.VmPlacement),
};

/** The state of a resource as the engine keeps it. */
export function withNulls(kind: Kind, state: object): Values {
  return { ...Object.fromEntries(perhapsNothing[kind].map((name) => [name, null])), ...withoutUndefined(state) };
}

/** The state as handlers want it. One that was written without nulls is the same. */
export function withoutNulls(kind: Kind, state: Values): Values {
  const nothing = perhapsNothing[kind].filter((name) => state[name] === null);
  if (nothing.length === 0) return state;
  return Object.fromEntries(Object.entries(state).filter(([name]) => !nothing.includes(name)));
}

function withoutUndefined(state: object): Values {
  return Object.fromEntries(Object.entries(state).filter(([, value]) => value !== undefined));
}

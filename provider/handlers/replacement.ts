/**
 * A resource that takes the place of another one of the same URN. The engine says so nowhere: it checks the new one without old
 * inputs, and where it makes it first, the old one is still there and must be no clash.
 */
import { PerCommand } from "./command-scope.js";
import { declarationsOf } from "./declarations.js";
import type { HandlerContext } from "./handler.js";
import { shortUrn, urnParts } from "../model/urn.js";

/** Of each resource, by URN. */
const oldInputs = new PerCommand(() => new Map<string, object>());

/**
 * The old inputs of the resource that the one to be checked or created replaces; undefined: it is not known to replace any.
 * Where a change makes a replacement, the engine checks once with them and once without, in one command. Where the user asks
 * for one (`pulumi state taint`, `--target-replace`) it never tells them: then only {@link ownerOf} helps.
 * @param olds of this check.
 */
export function replacedInputs<Inputs extends object>(
  ctx: Pick<HandlerContext, "command" | "urn">,
  olds?: Inputs,
): Inputs | undefined {
  const { urn } = ctx;
  if (urn === undefined) return undefined;
  const ofCommand = oldInputs.of(ctx);
  if (olds === undefined) return ofCommand.get(urn) as Inputs | undefined;
  ofCommand.set(urn, olds);
  return undefined;
}

/** It is deleted: one that is made after it in this command takes the place of nothing any more. */
export function forgetReplaced(ctx: Pick<HandlerContext, "command" | "urn">): void {
  if (ctx.urn !== undefined) oldInputs.of(ctx).delete(ctx.urn);
}

/**
 * The resource as what it makes on the hosts names it: `<stack>::<project>::<name>`. Not its type nor its parents, so that it
 * is the same by either face, and in whatever component.
 */
export function ownerOf(urn: string | undefined): string | undefined {
  if (urn === undefined) return undefined;
  return shortUrn(urnParts(urn));
}

/** The same of an interface, where no other one that the program has declared is named so: then what is theirs cannot be told apart. */
export function soleOwnerOf(ctx: Pick<HandlerContext, "command" | "config" | "urn">): string | undefined {
  const owner = ownerOf(ctx.urn);
  const urns = owner === undefined ? undefined : declarationsOf(ctx).interfacesByOwner.get(owner);
  return urns === undefined || [...urns].every((urn) => urn === ctx.urn) ? owner : undefined;
}

/** Whether both are of one stack of one project. */
export function isOfSameStack(owner: string | undefined, other: string | undefined): boolean {
  const stackOf = (text: string) => text.split("::").slice(0, 2).join("::");
  return owner !== undefined && other !== undefined && stackOf(owner) === stackOf(other);
}

const adopted = new PerCommand(() => new Set<string>());

/** What was taken over in this command goes on under the id that it had: the engine's deletion of its predecessor is not for it. */
export function noteAdopted(ctx: Pick<HandlerContext, "command">, id: string): void {
  adopted.of(ctx).add(id);
}

export function wasAdopted(ctx: Pick<HandlerContext, "command">, id: string): boolean {
  return adopted.of(ctx).has(id);
}

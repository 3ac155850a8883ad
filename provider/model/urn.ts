/**
 * The URN of a resource, which the engine tells no dynamic provider: the program writes it into the resource. What is known
 * of it anyhow is left out where it can be, since the engine writes it twice for each resource whenever it saves the state.
 */
import type { Kind } from "./kind.js";

/** The type of a kind's resources in programs of Node.js. */
export function typeOf(kind: Kind): string {
  return `pulumi-nodejs:dynamic/vnic-failover:${kind}`;
}

/** Of a resource without parent: `<stack>::<project>::<name>`. */
export function shortUrn({ stack, project, name }: Readonly<Record<"stack" | "project" | "name", string>>): string {
  return [stack, project, name].join("::");
}

/** @param text as {@link shortUrn} writes it, or whole already. */
export function wholeUrn(kind: Kind, text: string): string {
  if (text.startsWith("urn:")) return text;
  const [stack = "", project = "", ...name] = text.split("::");
  return ["urn:pulumi:" + stack, project, typeOf(kind), ...name].join("::");
}

/** `urn:pulumi:<stack>::<project>::<types>::<name>`, of which a name may hold anything. */
export function urnParts(urn: string): Readonly<Record<"stack" | "project" | "name", string>> {
  const [stack = "", project = "", , ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  return { stack, project, name: name.join("::") };
}

/** One placement a VM: what other resources of the program, or other stacks, say of where it runs. */
import { placementDeclarationRules, evaluate, type OtherPlacement, type Violation } from "../rules/index.js";
import type { PlacementRecord } from "../backends/libvirt/xml/placement-record.js";
import type { HandlerContext } from "./handler.js";
import { declarationsOf } from "./declarations.js";
import { isKnown, type MaybeUnknown } from "../model/unknown.js";
import { urnParts } from "../model/urn.js";

/**
 * Notes what the resource declares. Returns the other placements of the VM that the program has declared so far.
 * @param areOne whether two different texts name one VM. Default: never.
 */
export async function declarePlacement(
  ctx: Pick<HandlerContext, "command" | "config" | "urn">,
  { vm }: MaybeUnknown<{ vm: string }>,
  areOne: (one: string, other: string) => Promise<boolean> = () => Promise.resolve(false),
): Promise<readonly OtherPlacement[]> {
  const { urn } = ctx;
  if (urn === undefined) return [];
  const declared = declarationsOf(ctx).placements;
  if (!isKnown(vm)) {
    declared.delete(urn);
    return [];
  }
  declared.set(urn, vm);
  const others: OtherPlacement[] = [];
  for (const [otherUrn, other] of declared) {
    if (otherUrn === urn) continue;
    if (other === vm || (await areOne(other, vm))) others.push({ name: urnParts(otherUrn).name });
  }
  return others;
}

/** The placement that the VM's metadata has, where that is another stack's. One of this stack may be renamed or replaced. */
export function ofAnotherStack(
  record: PlacementRecord | undefined,
  urn: string | undefined,
): readonly OtherPlacement[] {
  if (record === undefined || urn === undefined) return [];
  const { stack, project } = urnParts(urn);
  if (record.stack === stack && record.project === project) return [];
  return [{ name: record.resource, stack: { name: record.stack, project: record.project } }];
}

export function placedTwice(
  { urn }: Pick<HandlerContext, "urn">,
  vm: string,
  others: readonly OtherPlacement[],
): readonly Violation[] {
  const name = urn === undefined ? vm : urnParts(urn).name;
  return evaluate(placementDeclarationRules, { vm, name, others });
}

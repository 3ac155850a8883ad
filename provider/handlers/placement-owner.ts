/** One placement a VM: what other resources of the program, or other stacks, say of where it runs. */
import { placementDeclarationRules, evaluate, type OtherPlacement, type Violation } from "../rules/index.js";
import type { PlacementRecord } from "../backends/libvirt/xml/placement-record.js";
import type { HandlerContext } from "./handler.js";
import { placementsOf } from "./declarations.js";
import { isKnown, type MaybeUnknown } from "../model/unknown.js";
import { urnParts } from "../model/urn.js";

export interface VmsOfBackend {
  /** The cluster or engine. */
  readonly scope: object;
  /** Whether two different texts name one VM. Default: never. */
  readonly areOne?: (one: string, other: string) => Promise<boolean>;
}

/** Notes what the resource declares. Returns the other placements of the VM that the program has declared so far. */
export async function declarePlacement(
  { command, urn }: Pick<HandlerContext, "command" | "urn">,
  { vm }: MaybeUnknown<{ vm: string }>,
  { scope, areOne = () => Promise.resolve(false) }: VmsOfBackend,
): Promise<readonly OtherPlacement[]> {
  if (urn === undefined) return [];
  const declared = placementsOf(command);
  if (!isKnown(vm)) {
    declared.delete(urn);
    return [];
  }
  declared.set(urn, { vm, scope });
  const others: OtherPlacement[] = [];
  for (const [otherUrn, other] of declared) {
    if (otherUrn === urn || other.scope !== scope) continue;
    if (other.vm === vm || (await areOne(other.vm, vm))) others.push({ name: urnParts(otherUrn).name });
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

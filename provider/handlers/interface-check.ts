/** The check of an interface, whatever the backend knows the facts from. */
import { evaluate, interfaceRules, type InterfaceFacts, type Violation, type VmNic } from "../rules/index.js";
import type { MaybeUnknown } from "../model/unknown.js";
import { ruleNic, type RecordedInterface } from "./cluster-view.js";
import { declarationsOf, type DeclaredInterface } from "./declarations.js";
import { checkFailures, diffOf, type Checked, type CheckFailure, type HandlerContext } from "./handler.js";
import { compared, withDefaults, vmInterfaceSchema, type VmInterfaceInputs } from "./inputs/vm-interface.js";
import { ownerOf, replacedInputs } from "./replacement.js";
import { errorsAtCheck, failureOf } from "./rule-errors.js";

/** Which interface of the backend's the declared one is, or takes the place of. */
export interface Self {
  /** As it was declared before; undefined: it is to be made. */
  readonly olds?: VmInterfaceInputs | undefined;
  /** As the one that it replaces was declared. */
  readonly replaced?: VmInterfaceInputs | undefined;
  /** The resource, as the backend's records name it. Undefined: they do not. */
  readonly owner?: string | undefined;
}

/** An interface of the program, with all that a backend needs to gather its facts. */
export interface InterfaceDeclaration extends DeclaredInterface {
  readonly inputs: MaybeUnknown<VmInterfaceInputs>;
  readonly self: Self;
  /** The other interfaces of the program. */
  readonly others: readonly DeclaredInterface[];
}

/** What a backend has to say of an interface that is declared. */
export interface GatheredInterface {
  readonly facts: InterfaceFacts;
  /** A broken rule as it counts on this backend. Default: as it is. */
  readonly onBackend?: (violation: Violation) => Violation;
  /** Is called where nothing is at fault. */
  readonly passed?: () => void;
}

/** What an interface that is adopted clashes with is itself. */
export const atOddsWithAdopted: readonly string[] = ["interface-mac-once-per-vm", "interface-failover-once-per-vm"];

/** What a pair that is there already needs no more. */
const neededToPlug: readonly string[] = ["interface-free-vf", "interface-free-root-port"];

/** @param gather asks the backend; failures where it cannot say more. */
export async function checkInterface(
  ctx: HandlerContext,
  news: unknown,
  olds: VmInterfaceInputs | undefined,
  {
    owner,
    gather,
  }: {
    readonly owner?: string | undefined;
    readonly gather: (
      declaration: InterfaceDeclaration,
    ) => Promise<GatheredInterface | { readonly failures: readonly CheckFailure[] }>;
  },
): Promise<Checked<VmInterfaceInputs>> {
  const parsed = vmInterfaceSchema.safeParse(news);
  if (!parsed.success)
    return { inputs: news as MaybeUnknown<VmInterfaceInputs>, failures: checkFailures(parsed.error) };
  const inputs = parsed.data as MaybeUnknown<VmInterfaceInputs>;
  const declared = { nic: previewOf(inputs, ctx.urn), profileUrn: ctx.references?.["profile"] };
  const { interfaces, interfacesByOwner } = declarationsOf(ctx);
  const named = ownerOf(ctx.urn);
  if (ctx.urn !== undefined && named !== undefined) {
    interfaces.set(ctx.urn, declared);
    interfacesByOwner.set(named, (interfacesByOwner.get(named) ?? new Set()).add(ctx.urn));
  }
  const self: Self = { olds, replaced: replacedInputs(ctx, olds), owner };
  // What exists and is not changed was checked when it was created: no host is asked for it.
  if (olds !== undefined && diffOf(olds, inputs, { inputs: compared }).changes === false)
    return { inputs, failures: [] };
  const others = [...interfaces].filter(([urn]) => urn !== ctx.urn).map(([, each]) => each);
  const gathered = await gather({ ...declared, inputs, self, others });
  if ("failures" in gathered) return { inputs, failures: gathered.failures };
  const { facts, onBackend = (violation: Violation) => violation, passed } = gathered;
  const broken = evaluate(interfaceRules, facts)
    .filter(({ rule }) => inputs.adopt !== true || !atOddsWithAdopted.includes(rule))
    .filter(({ rule }) => facts.vm.differences === undefined || !neededToPlug.includes(rule));
  const failures = errorsAtCheck(ctx, broken.map(onBackend)).map((violation) => failureOf(violation));
  if (failures.length === 0) passed?.();
  return { inputs, failures };
}

export function previewOf(inputs: MaybeUnknown<VmInterfaceInputs>, urn: string | undefined): MaybeUnknown<VmNic> {
  const { vm, profile, mac, plugged, linked } = withDefaults(inputs);
  return { name: urn?.split("::").at(-1) ?? "interface", vm, profile, mac, plugged, linked };
}

/** Whether the recorded interface is the declared one, or the one that it replaces. */
export function isSelf({ vm, vmId, record }: RecordedInterface, { olds, replaced, owner }: Self): boolean {
  // One that is to be made replaces nothing that another resource has made. Older versions wrote no owner; and a resource that is known may
  // have another name by now.
  if (olds === undefined && owner !== undefined && record.owner !== undefined) return record.owner === owner;
  const before = olds ?? replaced;
  return (
    before !== undefined &&
    (before.vm === vm || before.vm === vmId) &&
    record.profile === before.profile &&
    (before.mac === undefined || record.mac === before.mac)
  );
}

type NearTo = Pick<MaybeUnknown<VmNic>, "vm" | "mac">;

/** All that a rule looks at, of a thousand other interfaces: the same VM's, and those with the same MAC. */
export function isNear({ vm, mac }: NearTo, other: NearTo): boolean {
  return other.vm === vm || (mac !== undefined && other.mac === mac);
}

/**
 * The interfaces that the rules look at beside this one: those of the backend, and those of the program that are not there yet.
 * @param declared with the VMs' names and the profiles' ids, as the backend has them.
 */
export function othersOf(
  nic: MaybeUnknown<VmNic>,
  recorded: readonly RecordedInterface[],
  declared: readonly MaybeUnknown<VmNic>[],
  self: Self,
): readonly MaybeUnknown<VmNic>[] {
  const stored = recorded
    .filter((entry) => isNear(nic, { vm: entry.vm, mac: entry.record.mac }) && !isSelf(entry, self))
    .map(ruleNic);
  const isStored = (each: MaybeUnknown<VmNic>) =>
    stored.some(
      ({ vm, profile, mac }) =>
        vm === each.vm && profile === each.profile && (each.mac === undefined || mac === each.mac),
    );
  return [...stored, ...declared.filter((each) => isNear(nic, each) && !isStored(each))];
}

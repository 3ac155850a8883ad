/** What a VmInterface is declared as, whatever the backend. */
import { checkSchema, comparedInputs, replacingInputs, type ValuesOf } from "../../model/describe.js";
import { ProblemError } from "../../model/problem.js";
import { vmInterface } from "../../model/resources/vm-interface.js";
import { isKnown, type MaybeUnknown, type Unknown } from "../../model/unknown.js";
import { diffOf, type ResourceDiff } from "../handler.js";

export const vmInterfaceSchema = checkSchema(vmInterface);

export type VmInterfaceInputs = ValuesOf<typeof vmInterface.inputs>;
export type VmInterfaceOutputs = ValuesOf<typeof vmInterface.outputs>;

/** Inputs or a state, with what goes withoutDefaults. */
export function withDefaults<
  Inputs extends Readonly<Partial<Record<"plugged" | "linked", boolean | Unknown | undefined>>>,
>(inputs: Inputs) {
  return { ...inputs, plugged: inputs.plugged ?? true, linked: inputs.linked ?? true };
}

/** The other way round. */
export function withoutDefaults({ plugged, linked }: { readonly plugged?: boolean; readonly linked?: boolean }) {
  return { ...(plugged === false && { plugged }), ...(linked === false && { linked }) };
}

/** The inputs that the interface has. */
export const compared = comparedInputs(vmInterface);

/** The inputs whose change makes it another interface. */
export const identity = replacingInputs(vmInterface);

/** What a state says beside the inputs, over either backend. */
interface InterfaceState extends VmInterfaceInputs {
  readonly mac: string;
  /** The MAC was not declared. Absent: it was. */
  readonly macMadeUp?: true;
  readonly missing: readonly string[];
}

export function diffOfInterface(state: InterfaceState, news: MaybeUnknown<VmInterfaceInputs>): ResourceDiff {
  const { mac, ...rest } = news;
  // A MAC that was never declared stays the one that was made up.
  const wanted = {
    ...withDefaults(rest),
    mac: mac ?? (state.macMadeUp ? state.mac : undefined),
  } as MaybeUnknown<VmInterfaceInputs>;
  // On another VM and with another MAC the new interface can be beside the old one. On one VM both would have one MAC, one
  // standby or the last VF or PCI Express port; and a MAC that is on two VMs has no port of its own in any switch.
  const apart = isKnown(news.vm) && news.vm !== state.vm && (mac === undefined || (isKnown(mac) && mac !== state.mac));
  return diffOf<VmInterfaceInputs>(withDefaults(state), wanted, {
    inputs: compared,
    replaceOn: identity,
    deleteBeforeReplace: !apart,
    drifted: state.missing.length > 0,
  });
}

/** The inputs that would declare the interface as it is. */
export function inputsOfInterface(state: InterfaceState): VmInterfaceInputs {
  const { vm, profile, mac, macMadeUp, adopt } = state;
  return {
    vm,
    profile,
    ...withoutDefaults(state),
    ...(!macMadeUp && { mac }),
    ...(adopt !== undefined && { adopt }),
  };
}

/**
 * The two halves of an interface's id, or of what a person writes in its place: `vm/mac`. No VM's name has a slash in it
 * (libvirt's domain_postparse.c virDomainDefPostParseCheckFeatures, oVirt's ValidationUtils.java).
 * @throws ProblemError
 */
export function vmAndNic(id: string): { readonly vm: string; readonly nic: string } {
  const [vm = "", nic = "", ...more] = id.split("/");
  if (vm !== "" && nic !== "" && more.length === 0) return { vm, nic };
  throw new ProblemError({
    code: "interface-id-invalid",
    what: `Unable to find interface "${id}": its id is not valid`,
    remedy: "Use <vm>/<mac>, for example web/52:54:00:12:34:56.",
  });
}

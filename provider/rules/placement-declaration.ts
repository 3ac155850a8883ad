import type { Finding, Rule } from "./rule.js";
import { quoted } from "./wording.js";
import { shellWord } from "../model/shell-word.js";

/** Another resource that says where the VM runs. */
export interface OtherPlacement {
  /** The resource's name in its program. */
  readonly name: string;
  /** Of the stack that has it; undefined: it is of this program. */
  readonly stack?: { readonly name: string; readonly project: string } | undefined;
}

/** A VmPlacement as it is declared, whether or not it would move the VM. */
export interface PlacementDeclaration {
  readonly vm: string;
  /** The resource's name in its program. */
  readonly name: string;
  readonly others: readonly OtherPlacement[];
}

export const placementDeclarationRules: readonly Rule<PlacementDeclaration>[] = [
  {
    // With two of them each `up --refresh` would move the VM to and fro.
    id: "placement-once-per-vm",
    title: "A VM has one placement, in the program and across stacks",
    source: "the program, and the placement in the domain's metadata",
    checkedAt: ["check", "preflight"],
    severity: "error",
    find: ({ vm, name, others }) =>
      others.map((other): Finding => ({
        property: "vm",
        ...(other.stack === undefined
          ? {
              message: `Resources ${quoted(name)} and ${quoted(other.name)} both place VM ${quoted(vm)}.`,
              remedy: "Remove one of the two placements.",
            }
          : {
              message: `VM ${quoted(vm)} already has a placement: resource ${quoted(other.name)} of stack ${quoted(other.stack.name)} (project ${quoted(other.stack.project)}).`,
              remedy: `Remove one of the two placements. If that stack no longer has it, or was renamed, run vnic-failover release ${shellWord(vm)}.`,
            }),
      })),
  },
];

/** Something that has to be on this machine: how to see that it is there, and how `npm run setup` gets it here. */
import { ProblemError } from "../provider/model/problem.js";

export interface Requirement {
  readonly name: string;
  /** Ends the sentence "It is for …". */
  readonly purpose: string;
  /** Who needs it: users of the package, the unit tests, or the lab with its end-to-end tests. */
  readonly neededBy: "pulumi" | "tests" | "lab";
  /** Where it is, or what shows that it is there. Undefined: it is missing. Changes nothing. */
  readonly find: () => string | undefined;
  /** The Debian packages that have it, or that `make` takes. */
  readonly packages?: readonly string[];
  /** Makes it, in `.tools`. Without: the packages are all of it. */
  readonly make?: () => Promise<void>;
  /** Why it cannot be had on this machine, and what to do. */
  readonly obstacle?: () => string | undefined;
}

/** What an installation can use on this machine. */
export interface Machine {
  readonly root: boolean;
  readonly apt: boolean;
  readonly missingPackages: (names: readonly string[]) => readonly string[];
}

export type Plan =
  | { readonly kind: "there"; readonly where: string }
  | { readonly kind: "install"; readonly packages: readonly string[]; readonly make: boolean }
  | { readonly kind: "impossible"; readonly reason: string };

export function planOf(requirement: Requirement, machine: Machine): Plan {
  const where = requirement.find();
  if (where !== undefined) return { kind: "there", where };
  const obstacle = requirement.obstacle?.();
  if (obstacle !== undefined) return { kind: "impossible", reason: obstacle };
  const make = requirement.make !== undefined;
  const packages = machine.apt ? machine.missingPackages(requirement.packages ?? []) : (requirement.packages ?? []);
  if (packages.length === 0 || (machine.root && machine.apt)) return { kind: "install", packages, make };
  // What the packages are for may be there by other means: the making tells.
  if (make && !machine.apt) return { kind: "install", packages: [], make };
  const list = packages.join(" ");
  return {
    kind: "impossible",
    reason: machine.apt
      ? `Debian packages are installed by root: apt-get install --no-install-recommends ${list}`
      : `there is no apt-get on this machine: install by hand what Debian has in ${list}`,
  };
}

/** What a test fails with that lacks something. */
export function missing({ name, purpose }: Requirement): ProblemError {
  return new ProblemError({
    code: "requirement-missing",
    what: `${name} is missing, which is for ${purpose}`,
    remedy: "Run `npm run setup -- --tests`, which installs it or says why it cannot.",
  });
}

/** Where it is. @throws ProblemError that names it. */
export function need(requirement: Requirement): string {
  const where = requirement.find();
  if (where === undefined) throw missing(requirement);
  return where;
}

/** Installs what is missing of a list of requirements, and says what is. */
import { installPackages, hasApt, isRoot, missingPackages } from "./debian.js";
import { planOf, type Machine, type Plan, type Requirement } from "./requirement.js";

export const thisMachine: Machine = { root: isRoot(), apt: hasApt(), missingPackages };

export interface Planned {
  readonly requirement: Requirement;
  readonly plan: Plan;
}

export function plan(requirements: readonly Requirement[], machine = thisMachine): readonly Planned[] {
  return requirements.map((requirement) => ({ requirement, plan: planOf(requirement, machine) }));
}

/** Why a requirement is still missing. */
export interface Unmet {
  readonly requirement: Requirement;
  readonly reason: string;
}

/** @returns what is missing afterwards. */
export async function install(requirements: readonly Requirement[], say: (line: string) => void): Promise<Unmet[]> {
  const unmet: Unmet[] = [];
  for (const requirement of requirements) {
    // An earlier one may have brought it along.
    const planned = planOf(requirement, thisMachine);
    if (planned.kind === "there") continue;
    const reason = planned.kind === "impossible" ? planned.reason : await failureOf(requirement, planned.packages, say);
    if (reason !== undefined) unmet.push({ requirement, reason });
  }
  return unmet;
}

async function failureOf(
  requirement: Requirement,
  packages: readonly string[],
  say: (line: string) => void,
): Promise<string | undefined> {
  say(`Installing ${requirement.name}…`);
  try {
    if (packages.length > 0) await installPackages(packages);
    await requirement.make?.();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return requirement.find() === undefined ? "it was installed, and is still not found" : undefined;
}

/** For `npm run setup -- --check`: one line a requirement, under what would be done with it. */
export function describePlan(planned: readonly Planned[]): string {
  const of = (kind: Plan["kind"]) => planned.filter(({ plan: { kind: found } }) => found === kind);
  const section = (title: string, entries: readonly string[]) =>
    entries.length === 0 ? [] : [`${title}:`, ...entries.map((entry) => `  ${entry}`)];
  const line = ({ requirement: { name, purpose }, plan: found }: Planned): string => {
    if (found.kind === "there") return `${name}: ${found.where}`;
    if (found.kind === "impossible") return `${name} (for ${purpose}): ${found.reason}`;
    const packages = found.packages.length === 0 ? "" : `, with the Debian packages ${found.packages.join(" ")}`;
    return `${name} (for ${purpose})${found.make ? `, into .tools${packages}` : packages}`;
  };
  return [
    ...section("Is there", of("there").map(line)),
    ...section("Would be installed", of("install").map(line)),
    ...section("Is missing and cannot be installed here", of("impossible").map(line)),
  ].join("\n");
}

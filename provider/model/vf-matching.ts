/**
 * The physical function that gives each interface its VF: a maximum matching of interfaces and free VFs, by augmenting
 * paths (H. W. Kuhn, "The Hungarian method", 1955), with counts, since the VFs of one physical function are all alike.
 *
 * An interface takes the first of its physical functions that has one free. Only where none has, an interface before it
 * gives way, if it can have another. Where not all can be served, those that come first are.
 *
 * @param wanted for each interface its physical functions, the preferred one first.
 * @returns for each interface its physical function; undefined: none is left for it.
 */
export function matchVfs(
  wanted: readonly (readonly string[])[],
  freeVfs: (physicalFunction: string) => number,
): readonly (string | undefined)[] {
  const given = wanted.map((): string | undefined => undefined);
  const takersOf = (name: string) => [...given.keys()].filter((index) => given[index] === name);

  /** Gives the interface a VF, none of those that have been tried. Nothing changes where that can't be. */
  const serve = (index: number, tried: Set<string>): boolean => {
    const choices = wanted[index] ?? [];
    const gives = (name: string): boolean => {
      if (tried.has(name)) return false;
      tried.add(name);
      return takersOf(name).some((other) => serve(other, tried));
    };
    const chosen =
      choices.find((name) => !tried.has(name) && takersOf(name).length < freeVfs(name)) ?? choices.find(gives);
    if (chosen === undefined) return false;
    given[index] = chosen;
    return true;
  };

  for (const index of wanted.keys()) serve(index, new Set());
  return given;
}

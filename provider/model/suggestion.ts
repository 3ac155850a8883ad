/** "Did you mean": the allowed word that a mistyped one is nearest to. */

/**
 * The candidate with the fewest slips of the keyboard (a character added, left out, changed, or two swapped; case does not count).
 * Undefined: none is near, which is at most one slip for each three characters, and one at least.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const distance = slips(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** `; did you mean "uri"?` for the end of a sentence, or nothing where no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? "" : `; did you mean "${candidate}"?`;
}

/** A remedy that names the nearest candidate and lists all: `Did you mean "host1"? Hosts: host1, host2.` */
export function suggestion(kind: string, word: string, candidates: readonly string[]): string {
  const candidate = nearest(word, candidates);
  const question = candidate === undefined ? "" : `Did you mean "${candidate}"? `;
  return `${question}${kind}: ${candidates.length === 0 ? "none" : candidates.join(", ")}.`;
}

/** The optimal string alignment distance. */
function slips(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (same ? 0 : 1),
          swapped ? at(row - 2, column - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return at(one.length, other.length);
}

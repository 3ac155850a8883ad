/** Names that one may have meant. */

/** Up to three of them, the closest first; none where none is close. */
export function closeNames(written: string, names: readonly string[]): readonly string[] {
  const wanted = pairsOf(written);
  return names
    .map((name) => ({ name, likeness: likeness(wanted, pairsOf(name)) }))
    .filter(({ likeness }) => likeness >= 0.4)
    .toSorted((a, b) => b.likeness - a.likeness)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** ` Did you mean "a" or "b"?`, or nothing. */
export function suggestNames(written: string, names: readonly string[]): string {
  const close = closeNames(written, names).map((name) => `"${name}"`);
  return close.length === 0 ? "" : ` Did you mean ${close.join(" or ")}?`;
}

/** Every two neighbouring characters, with the ends marked. */
function pairsOf(text: string): readonly string[] {
  const marked = `^${text.toLowerCase()}$`;
  return Array.from({ length: marked.length - 1 }, (_, at) => marked.slice(at, at + 2));
}

/** From 0, nothing in common, to 1, the same (Dice's coefficient). */
function likeness(one: readonly string[], other: readonly string[]): number {
  const left = [...other];
  const common = one.filter((pair) => {
    const at = left.indexOf(pair);
    if (at !== -1) left.splice(at, 1);
    return at !== -1;
  });
  return (2 * common.length) / (one.length + other.length);
}

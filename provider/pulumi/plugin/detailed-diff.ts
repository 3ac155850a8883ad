/** Which lines a preview shows for a change. */
import { isSameValue, type ResourceDiff } from "../../handlers/handler.js";

export interface PropertyChange {
  readonly kind: "add" | "update" | "delete";
  readonly replaces: boolean;
  /** Whether the line compares the old inputs with the new ones; otherwise the old state with them. */
  readonly ofInputs: boolean;
}

type Values = Readonly<Record<string, unknown>>;

/**
 * The changes by property, where the handler says that there are any.
 * @param drift the outputs that say by being non-empty that what is really there differs from what was declared.
 */
export function detailedDiff(
  { changes, replaces }: Pick<ResourceDiff, "changes" | "replaces">,
  { oldInputs, state, news }: { readonly oldInputs: Values; readonly state: Values; readonly news: Values },
  drift: readonly string[],
): ReadonlyMap<string, PropertyChange> {
  const lines = new Map<string, PropertyChange>();
  if (changes === false) return lines;
  for (const name of new Set([...Object.keys(oldInputs), ...Object.keys(news), ...replaces])) {
    if (isSameValue(state[name], news[name])) continue;
    const declaredAnew = !isSameValue(oldInputs[name], news[name]);
    // A value that was never declared, such as a MAC that was made up, stays.
    if (!declaredAnew && news[name] === undefined && !replaces.includes(name)) continue;
    const before = declaredAnew ? oldInputs[name] : state[name];
    lines.set(name, {
      kind: before === undefined ? "add" : news[name] === undefined ? "delete" : "update",
      replaces: replaces.includes(name),
      ofInputs: declaredAnew,
    });
  }
  for (const name of drift) {
    const found = state[name];
    if (Array.isArray(found) && found.length > 0) lines.set(name, { kind: "delete", replaces: false, ofInputs: false });
  }
  return lines;
}

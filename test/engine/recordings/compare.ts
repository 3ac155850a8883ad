/** Whether two answers say the same: elements in any order, and whatever an answer that was recorded in part says. */
import { parseXml, type Element } from "../../../provider/xml/element.js";

/** Undefined: they agree. Else where they differ. */
export function difference(recorded: string, answered: string): string | undefined {
  if (recorded === answered) return undefined;
  if (recorded.startsWith("{")) {
    return canonical(JSON.parse(recorded)) === canonical(JSON.parse(answered))
      ? undefined
      : `${recorded} <> ${answered}`;
  }
  if (!recorded.startsWith("<?xml")) return `${recorded} <> ${answered}`;
  const { document, open } = completed(recorded);
  return differing(parseXml(document), parseXml(answered), open);
}

/** @param open how many levels of the recorded element have no end: there something is missing. */
export function differing(recorded: Element, answered: Element, open = 0): string | undefined {
  const at = `<${recorded.name}>`;
  if (recorded.name !== answered.name) return `${at} <> <${answered.name}>`;
  const attributes = canonical(recorded.attributes);
  if (attributes !== canonical(answered.attributes)) return `${at} ${attributes} <> ${canonical(answered.attributes)}`;
  if (open === 0 && (recorded.text ?? "") !== (answered.text ?? "")) {
    return `${at} "${recorded.text ?? ""}" <> "${answered.text ?? ""}"`;
  }
  const left = [...answered.children];
  for (const [index, child] of recorded.children.entries()) {
    const cut = index === recorded.children.length - 1 ? Math.max(0, open - 1) : 0;
    const found = left.findIndex((candidate) => differing(child, candidate, cut) === undefined);
    if (found === -1) {
      const id = child.attributes["id"];
      const near =
        left.find(({ name, attributes }) => name === child.name && attributes["id"] === id) ??
        left.find(({ name }) => name === child.name);
      return `${at} ${near === undefined ? `<${child.name}> is missing` : (differing(child, near, cut) ?? "")}`;
    }
    left.splice(found, 1);
  }
  if (open === 0 && left.length > 0) return `${at} has <${left.map(({ name }) => name).join(">, <")}>, too`;
  return undefined;
}

/** An answer whose end is missing, with its open elements closed; `open`: how many they are. */
function completed(document: string): { readonly document: string; readonly open: number } {
  const names: string[] = [];
  let end = 0;
  for (const tag of document.matchAll(/<(\?|\/)?([\w:.-]+)[^<>]*?(\/|\?)?>/g)) {
    const [text, kind, name = "", closing] = tag;
    if (kind === "/") names.pop();
    else if (kind === undefined && closing === undefined) names.push(name);
    end = tag.index + text.length;
  }
  if (names.length === 0) return { document, open: 0 };
  const closed = names
    .toReversed()
    .map((name) => `</${name}>`)
    .join("");
  return { document: document.slice(0, end) + closed, open: names.length };
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each,
  );
}

/** The value of a JSON document; undefined where the text is none: the parser's own message would quote it. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

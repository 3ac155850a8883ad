/** What XML 1.0 (fifth edition) can hold: its productions Char [2] and Name [5], the latter without the supplementary planes. */

const notChar = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

const nameStart =
  ":A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D" +
  "\\u2070-\\u218F\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD";
const name = new RegExp(`^[${nameStart}][${nameStart}\\-.0-9\\u00B7\\u0300-\\u036F\\u203F\\u2040]*$`, "u");

/** False for control characters, lone surrogates, U+FFFE and U+FFFF. */
export function isXmlText(text: string): boolean {
  return !notChar.test(text);
}

/** True for what may name an element or an attribute, with or without a prefix. */
export function isXmlName(text: string): boolean {
  return name.test(text);
}

import { XMLParser, XMLValidator } from "fast-xml-parser";
import { isXmlText } from "./characters.js";
import type { Element } from "./element.js";
import { XmlError } from "./xml-error.js";

/** Characters. The longest message of libvirt's protocol is 32 MiB (VIR_NET_MESSAGE_MAX); its own documents stay far below. */
const maxLength = 16 * 1024 * 1024;
/** Elements and attributes of one document: keeps memory bounded for a document that is nothing but tags. */
const maxParts = 250_000;
/** The same depth at which libxml2, and so libvirt, gives up (xmlParserMaxDepth). */
const maxDepth = 256;

// A name in XML starts neither with "<" nor with "#" nor with "@": marked like this no name can be a key that JavaScript
// or the parser gives a meaning to ("__proto__", "constructor", "#text").
const elementMark = "<";
const attributeMark = "@";
const textKey = "#text";
const cdataKey = "#cdata";

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: attributeMark,
  textNodeName: textKey,
  cdataPropName: cdataKey,
  // The parser asks twice for elements without content.
  transformTagName: (name) => (name.startsWith(elementMark) ? name : elementMark + name),
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // References are resolved here, strictly: the parser lets unknown ones pass, and knows how to expand a DOCTYPE's.
  processEntities: false,
  maxNestedTags: maxDepth - 1,
  jPath: false,
});

/**
 * Reads an XML document that is not trusted: no DOCTYPE, no entities but XML's five and numeric ones, at most 16 Mi
 * characters, 256 levels, and 250,000 elements and attributes.
 * @throws XmlError, and nothing else.
 */
export function parseXml(text: string): Element {
  if (text.length > maxLength) throw tooLarge(`it has ${text.length} characters, more than ${maxLength}`);
  if (!isXmlText(text)) throw malformed("it holds a character that XML 1.0 does not allow");
  const content = withoutAsides(text.startsWith("\uFEFF") ? text.slice(1) : text);
  // The parser by itself takes tags that don't match.
  const validity = XMLValidator.validate(content);
  if (validity !== true) {
    throw malformed(`line ${validity.err.line}: ${validity.err.msg.slice(0, 200).replaceAll(/\s+/g, " ")}`);
  }
  // What neither of the two minds.
  if (!/>[ \t\r\n]*$/.test(content.slice(content.lastIndexOf(">")))) throw malformed("text follows the root element");
  return rootOf(readNodes(content));
}

function readNodes(content: string): readonly ParsedNode[] {
  try {
    return parser.parse(content) as readonly ParsedNode[];
  } catch (cause) {
    // The parser's own words quote the document, which may hold what does not belong into a message.
    if (cause instanceof Error && cause.message === "Maximum nested tags exceeded") {
      throw tooLarge(`it is nested deeper than ${maxDepth} levels`);
    }
    throw malformed("the parser can't read it");
  }
}

/** What stands between `<` and `>` without being a tag. Only CDATA is content. */
const sections = [
  { open: "<!--", close: "-->", content: false },
  { open: "<?", close: "?>", content: false },
  { open: "<![CDATA[", close: "]]>", content: true },
];

/** The one that begins there. */
export function sectionAt(text: string, at: number): (typeof sections)[number] | undefined {
  return sections.find(({ open }) => text.startsWith(open, at));
}

/**
 * The document without XML declaration, processing instructions and comments; what remains is tags, text and CDATA.
 * One pass, linear: what is not closed ends it.
 * @throws XmlError for a DOCTYPE or any other declaration, and for a tag that does not end.
 */
function withoutAsides(text: string): string {
  const kept: string[] = [];
  let parts = 0;
  let start = 0;
  for (let at = text.indexOf("<"); at !== -1; at = text.indexOf("<", at)) {
    const section = sectionAt(text, at);
    if (section !== undefined) {
      const end = text.indexOf(section.close, at + section.open.length);
      if (end === -1) throw malformed(`"${section.open}" at character ${at} is never closed`);
      const next = end + section.close.length;
      if (!section.content) {
        kept.push(text.slice(start, at));
        start = next;
      }
      at = next;
    } else if (text.startsWith("<!", at)) {
      throw refused("it holds a DOCTYPE or another declaration");
    } else {
      const end = endOfTag(text, at);
      parts += 1 + count(text.slice(at, end), "=");
      if (parts > maxParts) throw tooLarge(`it has more than ${maxParts} elements and attributes`);
      at = end;
    }
  }
  kept.push(text.slice(start));
  return kept.join("");
}

/** The index after the `>` that ends the tag at `start`: neither in quotes, nor after a `<`, which no value may hold. */
export function endOfTag(text: string, start: number): number {
  let quote: string | undefined;
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === "<") break;
    if (quote !== undefined) quote = character === quote ? undefined : quote;
    else if (character === ">") return at + 1;
    else if (character === '"' || character === "'") quote = character;
  }
  throw malformed(`the tag at character ${start} does not end`);
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) found += 1;
  return found;
}

/** One node of the parser's: an element under its marked name, with its attributes under ":@"; or text; or CDATA. */
type ParsedNode = Readonly<Record<string, unknown>>;

function rootOf(nodes: readonly ParsedNode[]): Element {
  const [root, ...more] = nodes.map(elementIn);
  if (root === undefined || more.length > 0) throw malformed("it must have one root element and nothing beside it");
  return root;
}

function elementIn(node: ParsedNode): Element | undefined {
  const marked = Object.keys(node).find((key) => key.startsWith(elementMark));
  if (marked === undefined) return undefined;
  const { text, children } = contentOf(node[marked] as readonly ParsedNode[]);
  return {
    name: marked.slice(elementMark.length),
    attributes: attributesOf(node[":@"] as Readonly<Record<string, string>> | undefined),
    children,
    ...(text === "" ? {} : { text }),
  };
}

function contentOf(nodes: readonly ParsedNode[]): { text: string; children: readonly Element[] } {
  const children: Element[] = [];
  const texts = [""];
  for (const node of nodes) {
    const child = elementIn(node);
    if (child === undefined) texts.push((texts.pop() ?? "") + textIn(node));
    else {
      children.push(child);
      texts.push("");
    }
  }
  // Between elements, white space is indentation.
  const [text = "", ...tails] =
    children.length === 0 ? texts : texts.map((piece) => (/[^ \t\r\n]/.test(piece) ? piece : ""));
  return { text, children: children.map((child, n) => (tails[n] ? { ...child, tail: tails[n] } : child)) };
}

function textIn(node: ParsedNode): string {
  const text = node[textKey];
  if (typeof text === "string") return resolveReferences(text);
  const cdata = node[cdataKey] as readonly Readonly<Record<string, string>>[] | undefined;
  return cdata?.map((piece) => piece[textKey] ?? "").join("") ?? "";
}

function attributesOf(marked: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const attributes = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(marked)) {
    // XML 1.0 section 3.3.3: white space in a value is a blank, unless it is written as a reference.
    attributes[key.slice(attributeMark.length)] = resolveReferences(value.replaceAll(/[\t\n]/g, " "));
  }
  return attributes;
}

const predefined = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["apos", "'"],
  ["quot", '"'],
]);

function resolveReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(/&(?:#x([0-9A-Fa-f]{1,8});|#([0-9]{1,8});|([^;&\s]{1,32});)?/g, (...match: unknown[]) => {
    const [, hexadecimal, decimal, entity] = match as (string | undefined)[];
    if (entity !== undefined) {
      const character = predefined.get(entity);
      if (character === undefined) throw refused("it uses an entity other than XML's own five");
      return character;
    }
    const codePoint = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
    const character = codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : "\0";
    if (!isXmlText(character)) throw malformed('it contains an "&" that is not part of a valid character reference');
    return character;
  });
}

function malformed(why: string): XmlError {
  return new XmlError({ code: "xml-malformed", what: `Unable to read an XML document: ${why}` });
}

function refused(why: string): XmlError {
  return new XmlError({
    code: "xml-refused",
    what: `Unable to read an XML document: ${why}, which libvirt never writes`,
  });
}

function tooLarge(why: string): XmlError {
  return new XmlError({ code: "xml-too-large", what: `Unable to read an XML document: ${why}` });
}

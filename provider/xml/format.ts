import type { create } from "xmlbuilder2";
import { isXmlName, isXmlText } from "./characters.js";
import type { Element } from "./element.js";
import { XmlError } from "./xml-error.js";

export interface FormatOptions {
  /** One element a line, indented by two blanks; mixed content is left alone. Default: false. */
  readonly pretty?: boolean;
}

/**
 * Writes an element as a document without XML declaration, as libvirt's calls take it.
 * @throws XmlError `xml-unwritable` for names that are none, and for characters that XML 1.0 can't hold.
 */
export function formatXml(element: Element, { pretty = false }: FormatOptions = {}): string {
  empty ??= xmlbuilder().create();
  const document = empty.node as Document;
  const root = document.appendChild(toNode(document, element));
  try {
    return empty.end({ headless: true, prettyPrint: pretty && !isMixed(element) });
  } finally {
    document.removeChild(root);
  }
}

/** One for all: to make a document takes as long as to fill it. */
let empty: ReturnType<typeof create> | undefined;

/** Its DOM takes longer to load than all else that reads hosts, and what only reads writes nothing. */
function xmlbuilder(): { readonly create: typeof create } {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the one form that loads when it is called, and is no promise
  return require("xmlbuilder2") as { readonly create: typeof create };
}

type Node = ReturnType<typeof create>["node"];
type Document = NonNullable<Node["ownerDocument"]>;

/**
 * Uses the DOM's calls that know no namespaces: with the others, xmlbuilder2 moves and drops `xmlns` attributes and
 * prefixes as it sees fit, and a document of libvirt's would not come out as it went in.
 */
function toNode(document: Document, element: Element): Node {
  const node = document.createElement(writableName(element.name));
  for (const [name, value] of Object.entries(element.attributes)) {
    node.setAttribute(writableName(name), escapeAttribute(writableText(value, element)));
  }
  if (element.text) node.appendChild(document.createTextNode(escapeText(writableText(element.text, element))));
  for (const child of element.children) {
    node.appendChild(toNode(document, child));
    if (child.tail) node.appendChild(document.createTextNode(escapeText(writableText(child.tail, element))));
  }
  return node;
}

// xmlbuilder2 escapes "<", ">" and quotes. It leaves an "&" alone that looks like the start of a reference, so the text
// "&lt;" would come back as "<"; and it writes line ends as they are, which a reader turns into others.
function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("\r", "&#13;");
}

function escapeAttribute(value: string): string {
  return escapeText(value).replaceAll("\t", "&#9;").replaceAll("\n", "&#10;");
}

/**
 * Whether {@link formatXml} would write the element, which must be one that can be written, as this text: to see that nothing
 * has changed takes no document.
 */
export function isWrittenAs(element: Element, text: string): boolean {
  return endOf(element, text, 0) === text.length;
}

/** Where in the text the element ends that starts there; -1: it is another. */
function endOf(element: Element, text: string, start: number): number {
  const attributes = Object.entries(element.attributes).map(([name, value]) => ` ${name}="${writtenAttribute(value)}"`);
  const head = `<${element.name}${attributes.join("")}`;
  if (!element.text && element.children.length === 0) return after(`${head}/>`, text, start);
  let at = after(`${head}>${marked(escapeText(element.text ?? ""))}`, text, start);
  for (const child of element.children) {
    if (at === -1) return -1;
    at = endOf(child, text, at);
    if (at !== -1 && child.tail) at = after(marked(escapeText(child.tail)), text, at);
  }
  return at === -1 ? -1 : after(`</${element.name}>`, text, at);
}

function after(piece: string, text: string, at: number): number {
  return text.startsWith(piece, at) ? at + piece.length : -1;
}

/** Nearly no value has anything to escape: to look once is quicker than to replace what is not there. */
function writtenAttribute(value: string): string {
  return /[&<>"\t\n\r]/.test(value) ? marked(escapeAttribute(value)).replaceAll('"', "&quot;") : value;
}

/** What xmlbuilder2 escapes by itself. */
function marked(text: string): string {
  return text.replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function isMixed(element: Element): boolean {
  return (
    (element.children.length > 0 && element.text !== undefined) ||
    element.children.some((child) => child.tail !== undefined || isMixed(child))
  );
}

function writableName(name: string): string {
  if (isXmlName(name)) return name;
  throw unwritable(`${JSON.stringify(name.slice(0, 80))} is not a valid XML name`);
}

function writableText(text: string, { name }: Element): string {
  if (isXmlText(text)) return text;
  throw unwritable(`a value in <${name}> holds a character that XML 1.0 does not allow`);
}

function unwritable(why: string): XmlError {
  return new XmlError({
    code: "xml-unwritable",
    what: `Unable to write an XML document: ${why}`,
    remedy: "Remove control characters and unpaired surrogates.",
  });
}

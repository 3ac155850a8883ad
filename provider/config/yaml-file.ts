/** A configuration's YAML or JSON file, and on which line of it something stands. */
import { readFile } from "node:fs/promises";
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";
import { ConfigError } from "./config-error.js";

export class YamlFile {
  private constructor(
    readonly name: string,
    readonly content: unknown,
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  /** @throws ConfigError for a file that cannot be read, or is neither YAML nor JSON. */
  static async read(name: string): Promise<YamlFile> {
    let text: string;
    try {
      text = await readFile(name, "utf8");
    } catch (cause) {
      throw new ConfigError(
        {
          code: "config-unreadable",
          what: "Unable to read the configuration",
          where: name,
          remedy: "Use a file that exists and that this user can read.",
        },
        { cause },
      );
    }
    const lines = new LineCounter();
    // YAML 1.2 holds JSON. The parser's messages quote the file, which may have a password where it should not.
    const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new ConfigError({
        code: "config-unreadable",
        what: `The configuration is neither YAML nor JSON: line ${line}, column ${col}: ${wordsOf[error.code] ?? "it cannot be understood"}`,
        where: name,
        remedy: "Correct it in that file.",
      });
    }
    return new YamlFile(name, contentOf(document, name), document, lines);
  }

  /** The value there; undefined where none is. */
  at(path: readonly PropertyKey[]): unknown {
    return path.reduce<unknown>(propertyOf, this.content);
  }

  /** The keys of the object there; undefined where none is. */
  keysAt(path: readonly PropertyKey[]): readonly string[] | undefined {
    const value = this.at(path);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined;
  }

  /** The line on which the last part of the path that exists stands; undefined where not even `least` parts of it do. */
  lineOf(path: readonly PropertyKey[], least = 0): number | undefined {
    let node = resolved(this.document.contents, this.document);
    let offset = node?.range?.[0];
    let found = 0;
    for (const part of path) {
      const entry = entryIn(node, part);
      if (entry === undefined) break;
      found += 1;
      offset = entry.offset ?? offset;
      node = resolved(entry.value, this.document);
    }
    return offset === undefined || found < least ? undefined : this.lines.linePos(offset).line;
  }
}

/** What people get wrong (yaml's ErrorCode). */
const wordsOf: Readonly<Record<string, string>> = {
  BAD_INDENT: "it is indented wrongly, or a bracket is not closed",
  BLOCK_AS_IMPLICIT_KEY: "a value with a colon in it needs quotes, or a line is indented wrongly",
  DUPLICATE_KEY: "this key appears twice",
  MISSING_CHAR: "a quote, bracket, comma or colon is missing",
  TAB_AS_INDENT: "YAML does not allow a tab as indentation",
};

function contentOf(document: Document, name: string): unknown {
  try {
    return document.toJS() as unknown;
  } catch {
    // Aliases of aliases of aliases.
    throw new ConfigError({
      code: "config-unreadable",
      what: "The configuration has too many YAML aliases (*name)",
      where: name,
      remedy: "Write the values out instead.",
    });
  }
}

function entryIn(
  node: Node | undefined,
  part: PropertyKey,
): { offset: number | undefined; value: unknown } | undefined {
  if (isSeq(node) && typeof part === "number") {
    const value = node.items[part];
    return value === undefined ? undefined : { offset: isNode(value) ? value.range?.[0] : undefined, value };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
  return pair === undefined
    ? undefined
    : { offset: isNode(pair.key) ? pair.key.range?.[0] : undefined, value: pair.value };
}

function resolved(value: unknown, document: Document): Node | undefined {
  if (isAlias(value)) return resolved(value.resolve(document), document);
  return isNode(value) ? value : undefined;
}

function propertyOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

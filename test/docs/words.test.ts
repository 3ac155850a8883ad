/** Strings and comments of provider/, comments of test/ and the documents have none of the words that CONTRIBUTING.md lists under "not". */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { root } from "../../toolchain/pulumi.js";

/** Each with what to say instead. */
const refused: readonly (readonly [RegExp, string])[] = [
  [/\bmend(s|ed|ing)?\b/i, "repair, fix"],
  [/\b(take|takes|taking|taken|took) (it |them |this )?back\b/i, "roll back, resume"],
  [/\bcut off\b/i, "interrupted"],
  [/\b(silent|silences?|silenced)\b/i, "unreachable"],
  [/\b(let|lets|letting) go\b/i, "release"],
  [/\b(give|gives|giving|given|gave) back\b/i, "return (a VF)"],
  [/\b(somebody|nobody|anybody|whoever)\b/i, "another process, another tool, the user"],
  [/\banew\b/i, "again"],
  [/\bforeseen\b/i, "known before"],
  [/\bover (libvirt|ovirt)\b/i, "with libvirt, on oVirt"],
  [/\bsee to\b/i, "an action: check, free, resolve"],
  [/\b(is|are) no (MAC|PCI) address(es)?\b/i, "is not a valid …"],
  [/\bfor dead\b|\btakes? (it|them) for one\b/i, "as dead, as the same"],
  [/\bgo(es)? on with (it|that)\b/i, "continues"],
  [/\bleft behind\b/i, "orphaned"],
];

/** Where the word is right: names that states, programs and scripts know. */
const allowed: readonly string[] = [
  "engine-silent",
  "engine-cut-off",
  "unreachableHosts",
  "teaming-persistent-names-nobody",
];

interface Piece {
  readonly kind: "comment" | "string";
  readonly line: number;
  readonly text: string;
}

/** Comments, and the literals that are text rather than the name of something. */
function piecesOf(name: string, text: string): readonly Piece[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const lineAt = (position: number) => file.getLineAndCharacterOfPosition(position).line + 1;
  const pieces: Piece[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      pieces.push({ kind: "string", line: lineAt(node.getStart()), text: node.text });
    ts.forEachChild(node, visit);
  };
  visit(file);
  const ranges = new Map<number, ts.CommentRange>();
  const collect = (node: ts.Node): void => {
    for (const range of [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ])
      ranges.set(range.pos, range);
    for (const child of node.getChildren()) collect(child);
  };
  collect(file);
  for (const { pos, end } of ranges.values())
    pieces.push({ kind: "comment", line: lineAt(pos), text: text.slice(pos, end) });
  return pieces;
}

function complaintsIn({ text }: Pick<Piece, "text">): readonly string[] {
  const plain = allowed.reduce((rest, name) => rest.replaceAll(name, ""), text).replaceAll(/\s+(?:\*|#)?\s*/g, " ");
  return refused.flatMap(([word, instead]) => {
    const found = word.exec(plain)?.[0];
    return found === undefined ? [] : [`"${found}": say ${instead}`];
  });
}

/** @param kinds of a TypeScript file's pieces, those that count. */
function complaintsOf(name: string, kinds: readonly Piece["kind"][] = ["comment", "string"]): readonly string[] {
  const text = readFileSync(join(root, name), "utf8");
  const pieces = name.endsWith(".ts")
    ? piecesOf(name, text).filter(({ kind }) => kinds.includes(kind))
    : text.split("\n").map((each, index) => ({ line: index + 1, text: each }));
  return pieces.flatMap((piece) => complaintsIn(piece).map((complaint) => `${name}:${piece.line} ${complaint}`));
}

function filesIn(folder: string, kind: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => kind.test(name))
    .map((name) => join(folder, name));
}

const files = filesIn("provider", /\.(ts|py)$/);

const documents = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md", ...filesIn("docs", /\.md$/)];

describe("strings and comments of provider/", () => {
  it("are found", () => {
    const source = 'const a = `one ${b} two`; // three\n/** four */ const c = "five";\nf(/* six */ x);\n';
    const texts = piecesOf("a.ts", source).map(({ text }) => text.replaceAll(/[/* ]/g, ""));
    expect(texts.toSorted()).toEqual(["five", "four", "one", "six", "three", "two"]);
  });

  it("have words that the user knows", () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.flatMap((name) => complaintsOf(name))).toEqual([]);
  });

  it("and so have the documents, and the comments of test/", () => {
    expect(documents.flatMap((name) => complaintsOf(name))).toEqual([]);
    const tests = filesIn("test", /\.ts$/);
    expect(tests.length).toBeGreaterThan(200);
    expect(tests.flatMap((name) => complaintsOf(name, ["comment"]))).toEqual([]);
  });

  it.each(["a host that is silent", "It is taken\n * back later.", "Nobody has it.", "VMs over oVirt"])(
    'would not have "%s"',
    (text) => {
      expect(complaintsIn({ text })).toHaveLength(1);
    },
  );

  it("need every exception", () => {
    const all = files.map((name) => readFileSync(join(root, name), "utf8")).join("\n");
    expect(allowed.filter((name) => !all.includes(name))).toEqual([]);
  });
});

/** Each row of docs/sites.md that says to be shown by the lab, models or servers is shown by tests which are there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { shownBy, type Proof } from "./rows.js";

const read = (file: string) => (existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : "");
const rows = read("docs/sites.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && line.split("|").length === 5)
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, kind = "", becomes = "", known = ""]) => ({ kind, becomes, known }));

/** What `known` claims: of "models; not tried with real libvirt" the models. */
const claims = (known: string) =>
  ["lab", "models", "servers"].filter((word) =>
    known.split(";").some((part) => !part.trim().startsWith("not tried") && new RegExp(`\\b${word}\\b`).test(part)),
  );
const shown = rows.filter(({ known }) => claims(known).length > 0);
const isLab = ([file]: Proof) => /^test\/(e2e|sites\/lab|faults)\//.test(file);

const literal = (text: string) => JSON.stringify(text).replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
/** The text stands there as a title, or as a fault's name. */
const isTitle = (text: string, title: string) => new RegExp(`(\\(|name: )\\s*${literal(title)}`).test(text);

describe("the rows of docs/sites.md", () => {
  it("that claim to be shown have an entry, and no entry is without such a row", () => {
    expect(rows.length).toBeGreaterThan(40);
    expect(Object.keys(shownBy).toSorted()).toEqual(shown.map(({ kind }) => kind).toSorted());
  });

  it.each(shown.map(({ kind, becomes, known }) => [kind, becomes, known] as const))("%s", (kind, becomes, known) => {
    const proofs = shownBy[kind] ?? [];
    const missing = proofs.filter(([file, title, ofCase]) => {
      const text = read(file);
      return !isTitle(text, title) || (ofCase !== undefined && !text.includes(JSON.stringify(ofCase)));
    });
    expect(missing).toEqual([]);
    // In the lab or elsewhere, as it says; in the variant that it names.
    for (const word of claims(known)) expect(proofs.map(isLab), word).toContain(word === "lab");
    for (const [, name = ""] of known.matchAll(/lab: `([a-z-]+)`/g))
      expect(proofs.map(([file]) => file)).toContain(`test/sites/lab/${name}.test.ts`);
    // Rules and words that it quotes stand in those tests.
    const texts = proofs
      .map(([file]) => read(file))
      .join("\n")
      .replaceAll("\\'", "'");
    const isQuote = (quote: string) => quote.includes(" ") || /^(move|teaming|interface)-/.test(quote);
    const quotes = [...becomes.matchAll(/`([^`]+)`/g)].map(([, quote = ""]) => quote).filter(isQuote);
    expect(quotes.filter((quote) => !texts.includes(quote))).toEqual([]);
  });
});

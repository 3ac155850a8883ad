/** Texts that make an expression try again and again: what it takes, repeated, with an end that it does not take. */
import type { Expression } from "./collect.js";
import { parsePattern, type Parsed, type Pattern } from "./pattern.js";

/** A text of any length: a beginning, a part over and over, an end. */
export interface WorstText {
  readonly beginning: string;
  readonly part: string;
  readonly end: string;
}

export function textOf({ beginning, part, end }: WorstText, length: number): string {
  const times = Math.max(1, Math.round((length - beginning.length - end.length) / part.length));
  return beginning + part.repeat(times) + end;
}

/** ASCII, and characters that people's expressions treat otherwise: letters, blanks, marks, half a pair, a pair. */
const alphabet = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
  ...["\u0085", "\u009b", "\u00a0", "é", "\u0130", "\u061c", "\u2028", "\u202e", "\u3000", "\ud800", "😀"],
];

/** How many kinds of characters are combined in pairs. */
const mostInPairs = 10;

export function worstTexts({ source, flags }: Expression): readonly WorstText[] {
  const parsed = parsePattern(source);
  const characters = charactersIn(parsed, flags);
  const word = (pattern: Pattern): string => wordOf(pattern, parsed, characters.first);
  const places = placesIn(parsed.pattern, "", word);
  const { kinds } = characters;
  const few = kinds.slice(0, mostInPairs);
  const parts = distinct([
    ...kinds,
    ...few.flatMap((one) => few.filter((other) => other !== one).map((other) => one + other)),
    ...places.flatMap(({ before, part }) => [part, before, before + part]),
    word(parsed.pattern),
  ]).filter((part) => part !== "");
  const beginnings = distinct(["", ...places.map(({ before }) => before)]);
  return beginnings.flatMap((beginning) =>
    parts.flatMap((part) => ["", characters.foreign].map((end) => ({ beginning, part, end }))),
  );
}

interface Characters {
  /** One that this part of the expression takes. */
  readonly first: (source: string) => string;
  /** One of each kind: those of a kind are taken by the same parts of the expression. */
  readonly kinds: readonly string[];
  /** One that as few parts as possible take: none, if there is such a one. */
  readonly foreign: string;
}

function charactersIn(parsed: Parsed, flags: string): Characters {
  const ofCharacters = flags.replaceAll(/[gymd]/g, "");
  const sources = distinct([...sourcesIn(parsed.pattern)]);
  const tests = sources.map((source) => new RegExp(`^(?:${source})$`, ofCharacters));
  const byKind = new Map<string, string>();
  for (const character of alphabet) {
    const kind = tests.map((test) => Number(test.test(character))).join("");
    // A letter is more telling in a message than a control character.
    if (!byKind.has(kind) || (/[!-~]/.test(character) && !/[!-~]/.test(byKind.get(kind) ?? "")))
      byKind.set(kind, character);
  }
  const taken = (kind: string) => kind.replaceAll("0", "").length;
  const inOrder = [...byKind].toSorted(([one], [other]) => taken(other) - taken(one));
  return {
    first: (source) => {
      const index = sources.indexOf(source);
      return inOrder.find(([kind]) => kind[index] === "1")?.[1] ?? "";
    },
    kinds: inOrder.map(([, character]) => character),
    foreign: inOrder.at(-1)?.[1] ?? "\0",
  };
}

function* sourcesIn(pattern: Pattern): Generator<string> {
  switch (pattern.kind) {
    case "character":
      yield pattern.source;
      break;
    case "sequence":
      for (const part of pattern.parts) yield* sourcesIn(part);
      break;
    case "choice":
      for (const option of pattern.options) yield* sourcesIn(option);
      break;
    case "repeat":
    case "look":
      yield* sourcesIn(pattern.of);
      break;
    case "reference":
      break;
  }
}

/** A text that the pattern takes: everything that may be there once, of choices the first. */
function wordOf(pattern: Pattern, parsed: Parsed, first: (source: string) => string): string {
  const word = (each: Pattern): string => wordOf(each, parsed, first);
  switch (pattern.kind) {
    case "character":
      return first(pattern.source);
    case "sequence":
      return pattern.parts.map(word).join("");
    case "choice":
      return pattern.options[0] === undefined ? "" : word(pattern.options[0]);
    case "repeat":
      return word(pattern.of).repeat(Math.min(Math.max(pattern.least, 1), pattern.most));
    case "look":
      return "";
    case "reference":
      return word(parsed.groups[pattern.group] ?? { kind: "sequence", parts: [] });
  }
}

/** Something that may be repeated, and a text that leads there. */
interface Place {
  readonly before: string;
  readonly part: string;
}

function placesIn(pattern: Pattern, before: string, word: (pattern: Pattern) => string): readonly Place[] {
  switch (pattern.kind) {
    case "sequence":
      return pattern.parts.flatMap((part, index) =>
        placesIn(part, before + pattern.parts.slice(0, index).map(word).join(""), word),
      );
    case "choice":
      return pattern.options.flatMap((option) => [{ before, part: word(option) }, ...placesIn(option, before, word)]);
    case "repeat":
      return [{ before, part: word(pattern.of) }, ...placesIn(pattern.of, before, word)];
    case "look":
      return placesIn(pattern.of, before, word);
    case "character":
    case "reference":
      return [];
  }
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

/** What a regular expression is made of, as far as it takes to write texts for it. */

export type Pattern =
  /** One character: itself, an escape, a class or a full stop. */
  | { readonly kind: "character"; readonly source: string }
  | { readonly kind: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly kind: "choice"; readonly options: readonly Pattern[] }
  | { readonly kind: "repeat"; readonly of: Pattern; readonly least: number; readonly most: number }
  /** A look to the sides: it takes no text. */
  | { readonly kind: "look"; readonly of: Pattern }
  /** The text of an earlier group, by its number. */
  | { readonly kind: "reference"; readonly group: number };

export interface Parsed {
  readonly pattern: Pattern;
  /** By number: 0 is none. */
  readonly groups: readonly Pattern[];
}

const nothing: Pattern = { kind: "sequence", parts: [] };

/** @throws Error for what it does not know, such as references by name. */
export function parsePattern(source: string): Parsed {
  const reader = new Reader(source);
  const pattern = reader.choice();
  if (!reader.atEnd) throw new Error(`${source} has a ) too many`);
  return { pattern, groups: reader.groups };
}

class Reader {
  readonly groups: Pattern[] = [nothing];
  #at = 0;

  constructor(private readonly source: string) {}

  get atEnd(): boolean {
    return this.#at >= this.source.length;
  }

  choice(): Pattern {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { kind: "choice", options };
  }

  #sequence(): Pattern {
    const parts: Pattern[] = [];
    while (!this.atEnd && !this.#sees("|") && !this.#sees(")")) parts.push(this.#repeated(this.#item()));
    return { kind: "sequence", parts };
  }

  #repeated(of: Pattern): Pattern {
    const found = this.#match(/[*+?]|\{(\d+)(,?)(\d*)\}/y);
    if (found === undefined) return of;
    this.#take("?");
    const [sign, least, comma, most] = found;
    if (least === undefined)
      return { kind: "repeat", of, least: sign === "+" ? 1 : 0, most: sign === "?" ? 1 : Infinity };
    const end = most === "" ? (comma === "" ? Number(least) : Infinity) : Number(most);
    return { kind: "repeat", of, least: Number(least), most: end };
  }

  #item(): Pattern {
    if (this.#match(/[\^$]|\\[bB]/y) !== undefined) return nothing;
    const look = this.#match(/\(\?<?[=!]/y);
    if (look !== undefined) return { kind: "look", of: this.#closed() };
    if (this.#match(/\(\?:/y) !== undefined) return this.#closed();
    if (this.#match(/\((?:\?<\w+>)?/y) !== undefined) {
      const number = this.groups.push(nothing) - 1;
      const group = this.#closed();
      this.groups[number] = group;
      return group;
    }
    const reference = this.#match(/\\([1-9]\d*)/y);
    if (reference !== undefined) return { kind: "reference", group: Number(reference[1]) };
    const character = this.#match(
      /\[(?:\\[^]|[^\]\\])*\]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\u\{[0-9a-f]+\}|\\[pP]\{[^}]*\}|\\c[a-z]|\\[^k]|[^\\()[\]*+?|{}]/iuy,
    );
    if (character === undefined) throw new Error(`${this.source} has at ${this.#at} what is not known here`);
    return { kind: "character", source: character[0] };
  }

  #closed(): Pattern {
    const inside = this.choice();
    if (!this.#take(")")) throw new Error(`${this.source} lacks a )`);
    return inside;
  }

  #sees(character: string): boolean {
    return this.source[this.#at] === character;
  }

  #take(character: string): boolean {
    const is = this.#sees(character);
    if (is) this.#at += 1;
    return is;
  }

  #match(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }
}

/**
 * The grammar of the engine's search, read character by character as the engine does (SyntaxChecker.java
 * `analyzeSyntaxState`): a word is what it can be as soon as it can be, so that a field whose name begins another's
 * hides that. The oddities follow from it: no `page` after a `sortby` without direction, no trailing `and`, no quotation
 * mark, apostrophe or semicolon in a value.
 */
import { objectNames, referred, type FieldType, type SearchObject } from "./objects.js";

export interface Condition {
  /** The operator before it; of the first one without meaning. */
  readonly operator: "and" | "or";
  /** Undefined: the fields of the object itself. */
  readonly reference?: string | undefined;
  /** Undefined: free text, looked for in all fields. */
  readonly field?: string | undefined;
  readonly relation: string;
  readonly value: string;
}

export interface Search {
  readonly conditions: readonly Condition[];
  readonly sortBy?: string | undefined;
  readonly descending: boolean;
  readonly page: number;
}

type State =
  | "colon"
  | "reference"
  | "dot"
  | "field"
  | "relation"
  | "value"
  | "operator"
  | "sortby"
  | "sort field"
  | "sort direction"
  | "page"
  | "page value";

const textRelations = ["=", "!="];
const numberRelations = ["=", "!=", "<", ">", "<=", ">="];

/** Undefined: the engine can't read it, which it answers with nothing found. */
export function parseSearch(object: SearchObject, text: string): Search | undefined {
  return new Reader(object, ` ${text}`).read();
}

class Reader {
  #state: State = "colon";
  /** Whether it could end here. */
  #valid = true;
  #start = 0;
  #operator: "and" | "or" = "and";
  #reference: string | undefined;
  #field: string | undefined;
  #relation = "=";
  readonly #conditions: Condition[] = [];
  readonly #freeText = new Set<string>();
  #sortBy: string | undefined;
  #descending = false;
  #page = 1;

  constructor(
    private readonly object: SearchObject,
    private readonly text: string,
  ) {}

  read(): Search | undefined {
    for (let at = 0; at < this.text.length; at += 1) {
      const character = this.text.charAt(at);
      if (character === "'" || character === ";") return undefined;
      if (character === " " && !["colon", "relation", "value", "operator"].includes(this.#state)) {
        this.#start += 1;
        continue;
      }
      const next = this.#take(at);
      if (next === undefined) return undefined;
      at = next;
    }
    if (!this.#valid) return undefined;
    return { conditions: this.#conditions, sortBy: this.#sortBy, descending: this.#descending, page: this.#page };
  }

  /** @returns the last character that was used; undefined: an error. */
  #take(at: number): number | undefined {
    const word = this.text.slice(this.#start, at + 1).toUpperCase();
    switch (this.#state) {
      case "colon":
        return this.#afterColon(word, at);
      case "value":
        return this.#afterValue(word.trim(), at);
      case "operator":
        return this.#afterOperator(word, at);
      case "reference":
        return this.#afterReference(word, at);
      case "dot":
        return this.#one(word, at, Object.keys(this.#meant().fields), (field) => {
          this.#field = field;
          this.#state = "field";
        });
      case "field":
        return this.#afterField(word, at);
      case "relation":
        return this.#value(at) === "error" ? undefined : at;
      case "sortby":
        return this.#one(word, at, Object.keys(this.object.fields), (field) => {
          this.#sortBy = field;
          this.#state = "sort field";
          this.#valid = true;
        });
      case "sort field":
        return this.#one(word, at, ["ASC", "DESC"], (direction) => {
          this.#descending = direction === "DESC";
          this.#state = "sort direction";
          this.#valid = true;
        });
      case "sort direction":
        return this.#one(word, at, ["PAGE"], () => {
          this.#state = "page";
          this.#valid = true;
        });
      case "page": {
        const digits = /^\d+/.exec(this.text.slice(this.#start))?.[0];
        if (digits === undefined) return undefined;
        this.#page = Number(digits);
        this.#state = "page value";
        this.#valid = true;
        return this.#start + digits.length;
      }
      case "page value":
        return undefined;
    }
  }

  /** One of the words, or the beginning of one. */
  #one(word: string, at: number, words: readonly string[], use: (word: string) => void): number | undefined {
    if (words.includes(word)) {
      use(word);
      this.#start = at + 1;
      return at;
    }
    return begins(word, words) ? at : undefined;
  }

  #afterColon(word: string, at: number): number | undefined {
    if (this.#isField(word)) {
      if (/[ !=<>]/.test(this.text.charAt(at + 1))) this.#useField(word, at);
      this.#valid = false;
      return at;
    }
    const used = this.#sortOrPage(word, at) ?? this.#useReference(word, at);
    if (used !== undefined) {
      this.#valid = false;
      return used;
    }
    const outcome = this.#value(at);
    if (outcome === "error" && !begins(word, [...Object.keys(this.object.fields), "SORTBY", ...objectNames])) {
      return undefined;
    }
    if (outcome === "error") this.#valid = false;
    return at;
  }

  #afterValue(word: string, at: number): number | undefined {
    if (word === "") return at;
    let used: number | undefined;
    if (this.#isField(word)) used = this.#useField(word, at);
    else used = this.#sortOrPage(word, at) ?? this.#useReference(word, at) ?? this.#useOperator(word, at);
    if (
      used === undefined &&
      !begins(word, [...Object.keys(this.object.fields), "SORTBY", "AND", "OR", ...objectNames])
    ) {
      const outcome = this.#value(at);
      if (outcome === "error") return undefined;
      if (outcome === "added") return this.#once("") ? at : undefined;
    }
    this.#valid = false;
    return used ?? at;
  }

  #afterOperator(word: string, at: number): number | undefined {
    let used: number | undefined;
    if (this.#isField(word)) used = this.#useField(word, at);
    else used = this.#useReference(word, at);
    if (used === undefined) {
      const outcome = this.#value(at);
      if (outcome === "added") return this.#once("") ? at : undefined;
      if (outcome === "error" && !begins(word, [...Object.keys(this.object.fields), ...objectNames])) return undefined;
    }
    this.#valid = false;
    return used ?? at;
  }

  #afterReference(word: string, at: number): number | undefined {
    const longer = this.text.slice(this.#start, at + 2).toUpperCase();
    if (word === ".") {
      this.#state = "dot";
    } else if (at + 1 < this.text.length && textRelations.includes(longer)) {
      return at;
    } else if (textRelations.includes(word)) {
      this.#relation = word;
      this.#field = undefined;
      this.#state = "relation";
    } else {
      return begins(word, textRelations) ? at : undefined;
    }
    this.#start = at + 1;
    return at;
  }

  #afterField(word: string, at: number): number | undefined {
    const type = this.#field === undefined ? undefined : this.#meant().fields[this.#field];
    const relations = type === "number" || type === "date" ? numberRelations : textRelations;
    if (at + 1 < this.text.length && relations.includes(this.text.slice(this.#start, at + 2))) return at;
    if (relations.includes(word)) {
      this.#relation = word;
      this.#state = "relation";
    } else if (!begins(word, relations)) {
      return undefined;
    }
    this.#start = at + 1;
    this.#valid = false;
    return at;
  }

  /** A value, quoted or up to the next blank or the end. */
  #value(at: number): "error" | "going on" | "added" {
    const character = this.text.charAt(at);
    let value = this.text.slice(this.#start, at + 1);
    let quoted = this.text.slice(this.#start, at).includes('"');
    let ends = false;
    if (character === '"') {
      quoted = !quoted;
      if (quoted && !/^\s*"$/.test(value)) return "error";
      if (!quoted) {
        value = value.replace(/^[\s"]*"|"+$/g, "");
        ends = true;
      }
    }
    if ((character === " " || at + 1 === this.text.length) && !quoted && !ends) {
      value = value.trim();
      if (/^\S+$/.test(value)) ends = true;
      else this.#start = at + 1;
    }
    if (!ends) return "going on";
    const conditional = this.#state === "relation";
    const field = conditional ? this.#field : undefined;
    const reference = conditional ? this.#reference : undefined;
    const type = field === undefined ? undefined : this.#meant().fields[field];
    if (type !== undefined && !isValue(type, value)) return "error";
    this.#conditions.push({
      operator: this.#operator,
      reference,
      field,
      relation: conditional ? this.#relation : "=",
      value,
    });
    if (this.#state === "colon") this.#freeText.add("");
    if (conditional && field === undefined && reference !== undefined && !this.#once(reference)) return "error";
    this.#reference = undefined;
    this.#field = undefined;
    this.#operator = "and";
    this.#state = "value";
    this.#start = at + 1;
    this.#valid = true;
    return "added";
  }

  /** Whose fields the condition names. */
  #meant(): SearchObject {
    return (this.#reference === undefined ? undefined : referred(this.#reference)) ?? this.object;
  }

  /** Free text of an object may be given once. */
  #once(object: string): boolean {
    if (this.#freeText.has(object)) return false;
    this.#freeText.add(object);
    return true;
  }

  #isField(word: string): boolean {
    return Object.hasOwn(this.object.fields, word);
  }

  #useField(word: string, at: number): number {
    this.#field = word;
    this.#state = "field";
    this.#start = at + 1;
    return at;
  }

  #sortOrPage(word: string, at: number): number | undefined {
    if (word !== "SORTBY" && word !== "PAGE") return undefined;
    this.#state = word === "PAGE" ? "page" : "sortby";
    this.#start = at + 1;
    return at;
  }

  #useOperator(word: string, at: number): number | undefined {
    if (word !== "AND" && word !== "OR") return undefined;
    this.#operator = word === "AND" ? "and" : "or";
    this.#state = "operator";
    this.#start = at + 1;
    return at;
  }

  #useReference(word: string, at: number): number | undefined {
    if (!this.object.references.includes(word)) return undefined;
    const last = this.text.charAt(at + 1).toUpperCase() === "S" ? at + 1 : at;
    this.#reference = word;
    this.#state = "reference";
    this.#start = last + 1;
    return last;
  }
}

/** Whether the text may become one of the words: all of them begin with it. */
function begins(text: string, words: readonly string[]): boolean {
  return words.some((word) => word.startsWith(text));
}

function isValue(type: FieldType, value: string): boolean {
  switch (type) {
    case "text":
    case "date":
      return true;
    case "id":
      return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
    case "number":
      return /^-?\d+(?:\.\d+)?$/.test(value);
    case "boolean":
      return /^(?:true|false)$/i.test(value);
    default:
      return type.includes(value.toUpperCase());
  }
}

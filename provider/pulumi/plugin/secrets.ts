/** What of a resource's inputs is secret: by name, and by the text, which an output of another name may hold. */
export class Secrets {
  readonly #names = new Set<string>();
  readonly #texts = new Set<string>();

  add(name: string, value: unknown): void {
    this.#names.add(name);
    for (const text of textsIn(value)) this.#texts.add(text);
  }

  has(name: string, value: unknown): boolean {
    if (this.#names.has(name)) return true;
    const held = textsIn(value);
    return [...this.#texts].some((secret) => held.some((text) => text.includes(secret)));
  }

  /** Those of several objects together. */
  static of(...all: readonly Secrets[]): Secrets {
    const together = new Secrets();
    for (const each of all) {
      for (const name of each.#names) together.#names.add(name);
      for (const text of each.#texts) together.#texts.add(text);
    }
    return together;
  }
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

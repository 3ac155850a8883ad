/**
 * Text that a host, an engine, a guest or a file wrote. Every way out shows it: a terminal, Pulumi's log, a CI's log, a report.
 * An escape sequence in it could rewrite a screen (CWE-150), a line of its own could be a CI's workflow command.
 */

/** Characters of one foreign text that a message carries. libvirt's may be 4 MiB (remote_protocol.x, REMOTE_STRING_MAX). */
export const longestForeignText = 1000;

/**
 * C0 and C1 controls except for the end of a line; marks that turn the direction of text around or cannot be seen
 * (ALM, LRM, RLM, embeddings, overrides, isolates); line and paragraph separators.
 */
const unprintable = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * What a CI takes as a command to itself: GitHub at the beginning of a line (actions/runner, ActionCommand.cs), Azure and TeamCity
 * anywhere in it. No line of ours has one.
 */
const commands = /^[ \t]*::|##[a-z]*\[/gm;

/** What a terminal or a CI's log may be given. Line ends stay: they are our own. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, "?").replaceAll(commands, (found) => found.replace(/::|##/, "??"));
}

/** Foreign text for a sentence of ours: one line, printable, at most {@link longestForeignText} characters. */
export function foreignText(text: string, longest = longestForeignText): string {
  const part = text.slice(0, longest);
  const line = printable(part.replaceAll(/[\r\n\t\u2028\u2029]/g, " ")).trim();
  return text.length > longest ? `${line}…` : line;
}

/** An error that is not this package's, as it may be shown: it may quote a host. Its stack has those of its causes. */
export function printableError(error: unknown): Error {
  const shown = new Error(foreignText(error instanceof Error ? error.message : String(error)));
  if (error instanceof Error) shown.name = printable(error.name);
  shown.stack = printable(stackOf(error)).slice(0, longestStack);
  return shown;
}

const longestStack = 10_000;

/** With the stacks of its causes. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack ?? error.message}${error.cause === undefined ? "" : `\ncaused by ${stackOf(error.cause)}`}`;
}

/** JSON for a terminal or a log: the same document, with what is not printable as `\u…`. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(
    // In JSON a control character below U+0020 stands between tokens only, as a line end: those stay.
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Without the full stop and blanks at its end, for a place within another sentence. */
export function withoutFullStop(text: string): string {
  return withoutTrailing(text, (character) => /[.\s]/.test(character));
}

/** Without the characters at its end that are so: linear, where a pattern such as `/x+$/` takes quadratic time. */
export function withoutTrailing(text: string, isSo: (character: string) => boolean): string {
  let end = text.length;
  while (end > 0 && isSo(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

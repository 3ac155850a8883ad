/**
 * What a terminal may be given: names and messages come from hosts, and an escape sequence in one could rewrite the screen
 * or more (CWE-150).
 */
export function printable(text: string): string {
  // C0 and C1 controls, except for the end of a line, and the marks that turn the direction of text around.
  return text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "?");
}

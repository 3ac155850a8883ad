/** Plain tables: columns aligned by blanks, to read and to cut with awk. */

const gap = "  ";

/** One line a row, without trailing blanks. Empty without rows. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const lines = [headings.map((heading) => heading.toUpperCase()), ...rows.map((row) => row.map(cell))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      widths
        .map((width, column) => (line[column] ?? "").padEnd(width))
        .join(gap)
        .trimEnd(),
    )
    .join("\n");
}

/** An empty cell would shift the columns for a program that splits at blanks. */
function cell(text: string): string {
  return text === "" ? "-" : text.replaceAll("\n", " ");
}

/** Each line of `text` moved in by two blanks. */
export function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, gap);
}

/** Parts of an answer, one below the other with an empty line between; empty parts leave no trace. */
export function paragraphs(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join("\n\n");
}

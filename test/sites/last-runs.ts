/** The table of docs/sites.md that says at which commit each variant was last run whole. Pure. */

/** As a commit is spelled there. */
const short = 12;
const rowOf = (variant: string) => new RegExp(`^(\\| \`${variant}\` +\\| )(\\S+)( *\\|)`, "m");

/** Undefined: the variant has no row. `never`, or a commit. */
export function lastRun(page: string, variant: string): string | undefined {
  return rowOf(variant).exec(page)?.[2];
}

/** The page with that commit in the variant's row; its columns are not aligned again. @throws Error where it has none. */
export function noted(page: string, variant: string, commit: string): string {
  if (lastRun(page, variant) === undefined) throw new Error(`docs/sites.md has no row for the variant "${variant}".`);
  return page.replace(rowOf(variant), `$1${commit.slice(0, short)}$3`);
}

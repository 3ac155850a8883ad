/** OpenSSH's patterns (ssh_config(5), "PATTERNS"). */

/** `*` any run of characters, `?` any one. Two positions and no recursion: no pattern takes more than quadratic time. */
export function wildcard(pattern: string): (name: string) => boolean {
  return (name) => {
    let at = 0;
    let here = 0;
    let star = -1;
    let resume = 0;
    while (here < name.length) {
      if (pattern[at] === "*") {
        star = at++;
        resume = here;
      } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === name[here])) {
        at++;
        here++;
      } else if (star >= 0) {
        at = star + 1;
        here = ++resume;
      } else {
        return false;
      }
    }
    while (pattern[at] === "*") at++;
    return at === pattern.length;
  };
}

/** A list of patterns: one that fits and none of those with a `!` before them. */
export function patternList(patterns: readonly string[]): (name: string) => boolean {
  const read = patterns.map((pattern) => {
    const negated = pattern.startsWith("!");
    return { negated, matches: wildcard(negated ? pattern.slice(1) : pattern) };
  });
  return (name) =>
    !read.some(({ negated, matches }) => negated && matches(name)) &&
    read.some(({ negated, matches }) => !negated && matches(name));
}

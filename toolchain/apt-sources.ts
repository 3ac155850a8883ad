/** What apt's configuration says about where packages come from: pure functions over its files' text. */

/** One repository of apt's that has binary packages. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

export interface AptFile {
  /** `debian.sources` is read as deb822, everything else as one source a line. */
  readonly name: string;
  readonly text: string;
}

export function parseAptSources(files: readonly AptFile[]): readonly AptSource[] {
  return files.flatMap(({ name, text }) => (name.endsWith(".sources") ? stanzas(text) : lines(text)));
}

/**
 * The mirror of Debian itself: not its security archive, and not another publisher's repository for the same release.
 * @param codename this machine's release, as `bookworm`.
 */
export function debianMirror(sources: readonly AptSource[], codename: string): string | undefined {
  const usable = sources.filter(
    ({ uri, components }) => /^(https?|mirror\+file):/.test(uri) && components.includes("main"),
  );
  const has = (suite: string) => usable.filter(({ suites }) => suites.includes(suite));
  // Debian alone has updates beside a release; others name their suites after it.
  const updated = new Set(has(`${codename}-updates`).map(({ uri }) => uri));
  const release = has(codename);
  const rolling = ["testing", "unstable", "sid", "stable", "oldstable"].flatMap(has).filter(isNamedDebian);
  const best = release.find(({ uri }) => updated.has(uri)) ?? release.find(isNamedDebian) ?? rolling[0] ?? release[0];
  return best?.uri;
}

function isNamedDebian({ uri }: AptSource): boolean {
  return /\/debian\/?$/.test(uri);
}

/** `deb [options] URI SUITE COMPONENT…` */
function lines(text: string): readonly AptSource[] {
  return text.split("\n").flatMap((line) => {
    const [, uri, suite, components] =
      /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line.replace(/cdrom:\[[^\]]*\]/, "cdrom:")) ?? [];
    return uri === undefined || suite === undefined
      ? []
      : [{ uri: trimmed(uri), suites: [suite], components: words(components) }];
  });
}

function stanzas(text: string): readonly AptSource[] {
  const withoutComments = text.replaceAll("\r", "").replace(/^#.*\n?/gm, "");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map(
      [...stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm)].map(([, key = "", value]) => [
        key.toLowerCase(),
        words(value),
      ]),
    );
    const of = (key: string) => fields.get(key) ?? [];
    if (!of("types").includes("deb") || /^(no|false|off|0)$/i.test(of("enabled")[0] ?? "")) return [];
    return of("uris").map((uri) => ({ uri: trimmed(uri), suites: of("suites"), components: of("components") }));
  });
}

function words(text = ""): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function trimmed(uri: string): string {
  return uri.replace(/\/+$/, "");
}

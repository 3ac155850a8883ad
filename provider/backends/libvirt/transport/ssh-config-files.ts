/** Reads OpenSSH's client configuration from its files, with what they include. */
import { readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Directive, Line } from "ssh-config" with { "resolution-mode": "import" };
import { expandHome } from "../../../config/home.js";
import { shellWord } from "../../../model/shell-word.js";
import { ConfigFault, optionsThatCount, type ConfigLine } from "./ssh-config.js";
import { wildcard } from "./wildcard.js";

/** `none`: none is read. A file's name: that one alone. Both as with `ssh -F`. Undefined: the user's and the system's. */
export type SshConfigChoice = string | undefined;

/** As OpenSSH limits includes of includes (readconf.c, READCONF_MAX_DEPTH). */
const MAX_DEPTH = 16;
const MAX_FILES = 200;
const MAX_BYTES = 1024 * 1024;

const usersFile = "~/.ssh/config";
const systemsFile = "/etc/ssh/ssh_config";

/** Which files were looked for, and their lines. @throws ConfigFault */
export async function readSshConfig(choice: SshConfigChoice): Promise<readonly (readonly ConfigLine[])[]> {
  if (choice === "none") return [];
  const { parse } = await import("ssh-config");
  const reader = new Reader((text) => parse(text));
  if (choice !== undefined) return [await reader.file(resolve(expandHome(choice)), "~/.ssh", { named: true })];
  return [
    await reader.file(usersFile, "~/.ssh", { checked: true }),
    await reader.file(systemsFile, dirname(systemsFile), {}),
  ];
}

interface FileOptions {
  /** Whether only this user and root may have written it. */
  readonly checked?: boolean;
  /** Whether it has to be there. */
  readonly named?: boolean;
  readonly depth?: number;
}

class Reader {
  private files = 0;

  constructor(private readonly parse: (text: string) => readonly Line[]) {}

  /** @param folder what is included with a relative name is looked for there. */
  async file(name: string, folder: string, options: FileOptions): Promise<readonly ConfigLine[]> {
    const { depth = 0 } = options;
    this.files += 1;
    if (depth > MAX_DEPTH || this.files > MAX_FILES) {
      const limit = depth > MAX_DEPTH ? `nest more than ${MAX_DEPTH} levels` : `name more than ${MAX_FILES} files`;
      throw new ConfigFault(
        `Unable to read ${name}: its Include lines ${limit}`,
        "Remove Include lines, or check for a file that includes itself.",
      );
    }
    const text = await contentOf(name, options);
    const lines: ConfigLine[] = [];
    for (const [index, written] of (text ?? "").split(/\r?\n/).entries()) {
      const line = this.line(written, `${name}:${index + 1}`);
      if (line === undefined) continue;
      if (line.keyword !== "include") {
        lines.push(line);
        continue;
      }
      const included: (readonly ConfigLine[])[] = [];
      for (const pattern of line.words) {
        for (const file of await filesOf(pattern, folder, line.source))
          included.push(await this.file(file, folder, { checked: true, depth: depth + 1 }));
      }
      lines.push({ ...line, included });
    }
    return lines;
  }

  /** One line by itself: of the whole text the library would take a next line for the value of an option without one. */
  private line(written: string, source: string): ConfigLine | undefined {
    const text = written.trim();
    if (text === "" || text.startsWith("#")) return undefined;
    const keyword = (/^[^\s="]+/.exec(text)?.[0] ?? "").toLowerCase();
    if (!["host", "match", "include"].includes(keyword) && !optionsThatCount.has(keyword)) return undefined;
    const fail = (why: string): ConfigFault =>
      new ConfigFault(`Unable to read ${source} (${keyword}): ${why}`, "Correct that line.");
    const unquoted = text.replace(/"(?:[^"\\]|\\.?)*(?:"|$)/g, "");
    // OpenSSH reads these, the library does not.
    if (/'|\\[\\ ']/.test(unquoted))
      throw fail("single quotes and backslash escapes are not supported; use double quotes");
    if (/[^\s]#/.test(unquoted)) throw fail('a word that contains "#" must be in double quotes');
    let directive: Directive | undefined;
    try {
      directive = this.parse(text).find((each): each is Directive => "param" in each);
    } catch {
      // Without a value, or with a quote that does not end.
    }
    const words = wordsOf(directive?.value, keyword);
    if (words.length === 0) throw fail("its value is missing, or a quote is not closed");
    if (typeof directive?.value === "string" && directive.quoted !== true && /\s/.test(directive.value))
      throw fail("it has more than one value");
    if (words.some((word) => /[\0-\x1f\x7f]/.test(word))) throw fail("its value contains control characters");
    return { keyword, words, source };
  }
}

function wordsOf(value: Directive["value"] | undefined, keyword: string): readonly string[] {
  if (value === undefined || value === "") return [];
  const words = typeof value === "string" ? [value] : value.map(({ val }) => val);
  // The only one that the library splits and that is one word here: it is not run anyway.
  return keyword === "proxycommand" ? [words.join(" ")] : words;
}

/** Undefined: it is not there. @throws ConfigFault */
async function contentOf(name: string, { checked = false, named = false }: FileOptions): Promise<string | undefined> {
  const path = expandHome(name);
  try {
    const { uid, mode, size, isFile } = await statOf(path);
    if (size > MAX_BYTES || (named && !isFile)) {
      throw new ConfigFault(
        `Unable to read ${name}: it is ${isFile ? `longer than ${MAX_BYTES} bytes` : "not a regular file"}`,
        "Name a file of OpenSSH's client configuration.",
      );
    }
    // OpenSSH's rule (readconf.c, read_config_file_depth): who may write it decides where we log in. Windows has no such modes.
    if (checked && process.getuid !== undefined && ((uid !== 0 && uid !== process.getuid()) || (mode & 0o022) !== 0)) {
      throw new ConfigFault(
        `Unable to use ${name}: other users of this machine may write it`,
        `Run chown "$USER" ${shellWord(name)} and chmod go-w ${shellWord(name)}.`,
      );
    }
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof ConfigFault) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (!named && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    throw new ConfigFault(
      `Unable to read ${name}: ${code === "ENOENT" ? "it does not exist" : (cause as Error).message}`,
      "Correct the path, or make the file readable, or set sshConfig: none in vnic-failover:cluster so that no SSH configuration is read.",
    );
  }
}

async function statOf(path: string): Promise<{ uid: number; mode: number; size: number; isFile: boolean }> {
  const found = await stat(path);
  return { uid: found.uid, mode: found.mode, size: found.size, isFile: found.isFile() };
}

/** What an `Include` names, as glob(7) finds it: in the order of the names, those with a dot in front only where it is written. */
async function filesOf(pattern: string, folder: string, source: string): Promise<readonly string[]> {
  const absolute = pattern.startsWith("~/")
    ? join(homedir(), pattern.slice(2))
    : resolve(expandHome(`${folder}/`), pattern);
  if (/[[\]{}$%]/.test(pattern)) {
    throw new ConfigFault(
      `Unable to use ${source}: Include supports only the wildcards * and ?`,
      "Rewrite the Include line with * and ? only.",
    );
  }
  if (!/[*?]/.test(pattern)) return [absolute];
  let found = ["/"];
  const segments = absolute.split("/").filter((segment) => segment !== "");
  for (const segment of segments) {
    if (!/[*?]/.test(segment)) {
      found = found.map((each) => join(each, segment));
      continue;
    }
    const matches = wildcard(segment);
    const next = await Promise.all(
      found.map(async (each) => {
        const names = await readdir(each).catch(() => []);
        return names
          .filter((name) => matches(name) && (segment.startsWith(".") || !name.startsWith(".")))
          .sort()
          .map((name) => join(each, name));
      }),
    );
    found = next.flat().slice(0, MAX_FILES + 1);
  }
  return found;
}

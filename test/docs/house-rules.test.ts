/** What the documents name is there, and the decisions have their form. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { root } from "../../toolchain/pulumi.js";

const read = (file: string) => readFileSync(join(root, file), "utf8");
const adr = "docs/adr";
const decisions = readdirSync(join(root, adr)).filter((name) => /^\d{4}-/.test(name));
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "ARCHITECTURE.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
  ...[...decisions, "README.md", "reference-examples.md"].map((name) => join(adr, name)),
];
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read("package.json")));

/** What stands between backticks, without blocks of code. */
const quoted = (text: string) =>
  [...text.replaceAll(/^```[^]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, quote = ""]) => quote);

/** A path of this repository, with a file's ending or the slash of a folder; `…`, `*` and `<…>` stand for many. */
const isPath = (text: string) => /^[\w.@-]+(\/[\w.@-]+)*(\/|\.(ts|mts|mjs|py|md|json|ya?ml))$/.test(text);

const inProvider = readdirSync(join(root, "provider"), { recursive: true, encoding: "utf8" });
const leftByRuns = read(".gitignore").split("\n");

/** Some pages name files by their place in `provider/`, or a program there by its name alone; or what a run of this package leaves. */
const isThere = (path: string) =>
  [path, join("provider", path)].some((each) => existsSync(join(root, each))) ||
  inProvider.some((file) => file.endsWith(`/${path}`)) ||
  leftByRuns.includes(path);

/** GitHub's name of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(/\s/g, "-");

describe.each(pages)("%s", (page) => {
  const text = read(page);

  it("names paths that exist", () => {
    const named = quoted(text).filter(isPath);
    expect(named.filter((path) => !isThere(path))).toEqual([]);
  });

  it("links to pages and headings that exist", () => {
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(([, path = "", anchor]) => {
      const file = path === "" ? page : relative(root, resolve(root, dirname(page), path));
      if (!existsSync(join(root, file))) return true;
      if (anchor === undefined) return false;
      return ![...read(file).matchAll(/^#+ (.*)$/gm)].some(([, heading = ""]) => anchorOf(heading) === anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it("names scripts that package.json has", () => {
    const named = [...text.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)].map(([, script = ""]) => script);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

describe("the reference examples", () => {
  /** A numbered step, with what is nested in it, or a nested item by itself where it names files of its own. */
  const steps = read(join(adr, "reference-examples.md"))
    .split(/^(?=\d+\. | +- |- |#)/m)
    .filter((part) => /^(\d+\.| +-)/.test(part));

  it("are more than a few", () => {
    expect(steps.length).toBeGreaterThan(30);
  });

  it.each(steps.map((step) => [step.split("\n", 1)[0]?.trim(), step] as const))("%s", (_, step) => {
    const quotes = quoted(step);
    const files = quotes.filter((quote) => isPath(quote) && !quote.endsWith("/"));
    const names = quotes.filter((quote) => /^[A-Za-z]\w+$/.test(quote));
    if (files.length === 0) return;
    const sources = files.filter((file) => !file.endsWith(".md")).map(read);
    const missing = names.filter((name) => !sources.some((source) => new RegExp(`\\b${name}\\b`).test(source)));
    expect(missing).toEqual([]);
  });
});

describe("the decisions", () => {
  it("are numbered without a gap", () => {
    expect(decisions.map((name) => Number(name.slice(0, 4)))).toEqual(decisions.map((_, index) => index + 1));
  });

  it.each(decisions)("%s has its form, and is in the index and in ARCHITECTURE.md", (name) => {
    const text = read(join(adr, name));
    const number = Number(name.slice(0, 4));
    expect(text).toMatch(new RegExp(`^# ${number}\\. \\S.*\\n\\nStatus: (accepted|superseded by \\[\\d+\\].*)\\.\\n`));
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(["Context", "Decision", "Alternatives refused", "Consequences"]);
    const title = /^# (.*)$/m.exec(text)?.[1] ?? "";
    expect(read(join(adr, "README.md"))).toContain(`[${title}](${name})`);
    expect(read("ARCHITECTURE.md")).toContain(`(${adr}/${name})`);
  });
});

describe("ARCHITECTURE.md", () => {
  it("has every room of provider/, and no other", () => {
    const [, tree = ""] = /^provider\/\n([^]*?)^examples\//m.exec(read("ARCHITECTURE.md")) ?? [];
    const named = [...tree.matchAll(/^ {2}([a-z]+)\/(?:\s|$)/gm)].map(([, room = ""]) => room);
    const rooms = readdirSync(join(root, "provider"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(named.toSorted()).toEqual(rooms.map(({ name }) => name).toSorted());
  });
});

/** What `npm run setup` would install, and what a test says that lacks something. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describePlan, plan } from "../../toolchain/installation.js";
import { root } from "../../toolchain/pulumi.js";
import { need, planOf, type Machine, type Requirement } from "../../toolchain/requirement.js";
import { labRequirements } from "../lab/requirements.js";
import { testRequirements } from "../requirements.js";

const machine = (changed: Partial<Machine> = {}): Machine => ({
  root: true,
  apt: true,
  missingPackages: (names) => names.filter((name) => name !== "there"),
  ...changed,
});
const requirement = (changed: Partial<Requirement> = {}): Requirement => ({
  name: "openssl",
  purpose: "certificates",
  neededBy: "tests",
  find: () => undefined,
  ...changed,
});
const make = () => Promise.resolve();

describe("what would be done about it", () => {
  test.each<[string, Partial<Requirement>, Partial<Machine>, ReturnType<typeof planOf>]>([
    ["nothing, where it is there", { find: () => "/bin/x" }, {}, { kind: "there", where: "/bin/x" }],
    [
      "those of its packages are installed that are missing",
      { packages: ["there", "gcc"], make },
      {},
      { kind: "install", packages: ["gcc"], make: true },
    ],
    [
      "without root it is made where its packages are there",
      { packages: ["there"], make },
      { root: false },
      { kind: "install", packages: [], make: true },
    ],
    [
      "without root its packages are not",
      { packages: ["there", "gcc"], make },
      { root: false },
      {
        kind: "impossible",
        reason: "Debian packages are installed by root: apt-get install --no-install-recommends gcc",
      },
    ],
    [
      "on another distribution it is tried",
      { packages: ["gcc"], make },
      { apt: false },
      { kind: "install", packages: [], make: true },
    ],
    [
      "on another distribution a program is named",
      { packages: ["gcc"] },
      { apt: false },
      { kind: "impossible", reason: "there is no apt-get on this machine: install by hand what Debian has in gcc" },
    ],
    [
      "nothing where it cannot be",
      { make, obstacle: () => "not here" },
      {},
      { kind: "impossible", reason: "not here" },
    ],
  ])("%s", (_, changes, here, expected) => {
    expect(planOf(requirement(changes), machine(here))).toEqual(expected);
  });
});

test("a check says it for each, under what would be done", () => {
  const entries = [
    requirement({ name: "tar", find: () => "/bin/tar" }),
    requirement({ packages: ["openssl"] }),
    requirement({ name: "a cache", purpose: "npm", make }),
    requirement({ name: "an SDK", packages: ["gcc"], make }),
    requirement({ name: "tun", purpose: "the lab", obstacle: () => "load the module" }),
  ];
  expect(describePlan(plan(entries, machine())).split("\n")).toEqual([
    "Is there:",
    "  tar: /bin/tar",
    "Would be installed:",
    "  openssl (for certificates), with the Debian packages openssl",
    "  a cache (for npm), into .tools",
    "  an SDK (for certificates), into .tools, with the Debian packages gcc",
    "Is missing and cannot be installed here:",
    "  tun (for the lab): load the module",
  ]);
});

test("what lacks something fails with its name", () => {
  expect(need(requirement({ find: () => "/bin/openssl" }))).toBe("/bin/openssl");
  expect(() => need(requirement())).toThrow(
    "openssl is missing, which is for certificates. Run `npm run setup -- --tests`, which installs it or says why it cannot.",
  );
});

test("each requirement can be installed, or says why it cannot", () => {
  const without = testRequirements.filter(
    ({ packages = [], make: makes, obstacle }) =>
      packages.length === 0 && makes === undefined && obstacle === undefined,
  );
  expect(without).toEqual([]);
  const names = testRequirements.map(({ name, neededBy }) => `${name} of ${neededBy}`);
  expect(new Set(names).size).toBe(names.length);
  expect(labRequirements.every(({ neededBy }) => neededBy === "lab")).toBe(true);
});

test("no unit test is skipped for what it lacks: it fails with the name", () => {
  const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".test.ts") && !name.startsWith("e2e"),
  );
  // In two parts, so that this text is not found.
  const skip = [".skipIf(", "find"].join("");
  const skipping = tests.filter((name) => readFileSync(join(root, "test", name), "utf8").includes(skip));
  expect(tests.length).toBeGreaterThan(50);
  expect(skipping).toEqual([]);
});

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rules } from "../../provider/rules/index.js";
import { examplesByRule, storiesByRule } from "./locations.js";
import { printedRows } from "./rows.js";
import { untold } from "./untold.js";

const root = join(import.meta.dirname, "../..");

describe("the rule table", () => {
  it("has each id once, in kebab case", () => {
    const ids = rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z0-9]+)+$/);
  });

  it("has examples of every rule, and none of a rule that is gone", () => {
    // Those of a host are with its survey, in test/cli/doctor.test.ts.
    const withExamples = rules.filter(({ group }) => group !== "host" && group !== "engine");
    expect([...examplesByRule().keys()].sort()).toEqual(withExamples.map(({ id }) => id).sort());
  });

  it("has a story of every rule in which the product gathers its facts and the user hears of it", () => {
    const told = [...storiesByRule().keys(), ...Object.keys(untold)];
    expect(told.sort()).toEqual(rules.map(({ id }) => id).sort());
  });

  it("names the file that gathers the facts of each rule, and its test", () => {
    for (const row of printedRows()) {
      expect(row.gatheredIn.length, row.id).toBeGreaterThan(0);
      for (const file of row.gatheredIn) expect(existsSync(join(root, file)), file).toBe(true);
      const [file = "", line = ""] = row.test.split(":");
      expect(readFileSync(join(root, file), "utf8").split("\n")[Number(line) - 1], row.test).toContain(`"${row.id}"`);
    }
  });

  it("is as long as the README says", () => {
    const said = /(\d+) rules \(`npm run rules`\)/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1];
    expect(Number(said)).toBe(rules.length);
  });

  it.each(rules.map((rule) => [rule.id, rule] as const))("says what %s is", (_, rule) => {
    expect(rule.title).toMatch(/^\S.*[^.]$/);
    expect(rule.title).not.toContain("\n");
    expect(rule.source.length).toBeGreaterThan(10);
    expect(rule.checkedAt.length).toBeGreaterThan(0);
    for (const checkpoint of rule.checkedAt) expect(["check", "preflight", "engine", "doctor"]).toContain(checkpoint);
    expect(["error", "warning"]).toContain(rule.severity);
    // A REST fault carries the engine's text and not its id: one without the other is of no use.
    expect(rule.engineId === undefined).toBe(rule.engineText === undefined);
    expect(rule.engineId ?? "ID").toMatch(/^[A-Z0-9_]+$/);
    expect(rule.engineText ?? "text").not.toBe("");
    if (rule.checkedAt.includes("engine")) expect(rule.engineId).toBeDefined();
    expect(Object.keys(rule)).not.toContain("find");
  });

  it("groups its rules", () => {
    const groups = rules.map(({ group }) => group);
    expect([...new Set(groups)]).toEqual([
      "profile",
      "interface",
      "teaming",
      "migration-xml",
      "placement",
      "host",
      "engine",
    ]);
  });

  it("warns only where a move, or the feature, can still work", () => {
    expect(rules.filter(({ severity }) => severity === "warning").map(({ id }) => id)).toEqual([
      "failover-mtu-matches",
      "interface-mac-once-in-cluster",
      "interface-vf-has-standby",
      "teaming-primary-alias",
      "teaming-standby-has-primary",
      "teaming-vf-model-written",
      "teaming-standby-link-up",
      "move-cpu-compatible",
      "move-memory-certain",
      "move-pf-mtu",
      "move-standby-uplink-apart",
      "move-migration-port-tried",
      "move-vf-has-standby",
      "move-standby-link-up",
      "move-libvirt-asked",
      "move-disks-shared",
      "move-disks-copied",
      "move-readonly-disks-there",
      "move-guest-kernel-tested",
      "move-guest-agent",
      "host-drivers",
      "host-serves-network",
      "host-bridge-unseen",
      "host-bridge-mtu",
      "host-bridge-uplink",
      "host-vf-free",
      "host-vf-group",
      "host-vf-left-behind",
      "vm-starts-again",
      "profile-everywhere",
      "engine-hosts",
      "engine-host-in-maintenance",
      "engine-host-vfs",
      "engine-vf-network",
      "engine-profile-failover",
      "engine-vm-without-vf",
    ]);
  });

  it("lets only rules that estimate be set aside", () => {
    expect(rules.filter(({ estimate }) => estimate === true).map(({ id }) => id)).toEqual([
      "move-memory",
      "move-hugepages",
      "move-mtu",
      "move-migration-port",
      "move-guest-kernel",
      "move-guest-virtio-drivers",
    ]);
  });

  it("says of each rule whether the engine has it, and whether a preview or the preflight looks at it", () => {
    expect(rules.find(({ id }) => id === "failover-not-itself")?.checkedAt).toEqual(["check", "engine"]);
    expect(rules.find(({ id }) => id === "failover-not-cleared-over-rest")?.checkedAt).toEqual(["check"]);
    expect(rules.find(({ id }) => id === "teaming-macs-equal")?.checkedAt).toEqual(["check", "preflight"]);
    expect(rules.find(({ id }) => id === "migration-xml-mac")?.checkedAt).toEqual(["preflight"]);
    expect(rules.find(({ id }) => id === "move-free-vfs")?.checkedAt).toEqual(["check", "preflight", "engine"]);
  });
});

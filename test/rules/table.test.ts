import { describe, expect, it } from "vitest";
import { rules } from "../../provider/rules/index.js";
import { testsByRule } from "./locations.js";

describe("the rule table", () => {
  it("has each id once, in kebab case", () => {
    const ids = rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z0-9]+)+$/);
  });

  it("has a test for every rule, and no test of a rule that is gone", () => {
    expect([...testsByRule().keys()].sort()).toEqual(rules.map(({ id }) => id).sort());
  });

  it.each(rules.map((rule) => [rule.id, rule] as const))("says what %s is", (_, rule) => {
    expect(rule.title).toMatch(/^\S.*[^.]$/);
    expect(rule.title).not.toContain("\n");
    expect(rule.source.length).toBeGreaterThan(10);
    expect(rule.checkedAt.length).toBeGreaterThan(0);
    for (const checkpoint of rule.checkedAt) expect(["check", "preflight", "engine"]).toContain(checkpoint);
    expect(["error", "warning"]).toContain(rule.severity);
    // A REST fault carries the engine's text and not its id: one without the other is of no use.
    expect(rule.engineId === undefined).toBe(rule.engineText === undefined);
    expect(rule.engineId ?? "ID").toMatch(/^[A-Z0-9_]+$/);
    expect(rule.engineText ?? "text").not.toBe("");
    expect(rule.checkedAt.includes("engine") && rule.engineId === undefined).toBe(
      rule.id === "profile-custom-properties-defined",
    );
    expect(Object.keys(rule)).not.toContain("find");
  });

  it("groups its rules", () => {
    const groups = rules.map(({ group }) => group);
    expect([...new Set(groups)]).toEqual(["profile", "interface", "teaming", "migration-xml", "placement"]);
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
      "move-destination-differs",
      "move-standby-uplink-apart",
      "move-vf-has-standby",
      "move-standby-link-up",
      "move-readonly-disks-there",
      "move-guest-kernel-tested",
      "move-guest-agent",
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

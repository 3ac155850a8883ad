import { describe, expect, it } from "vitest";
import { defaultMigrationOptions, migrationOptionsSchema } from "../../provider/migration/options.js";

describe("a move's options", () => {
  it("have these defaults", () => {
    expect(defaultMigrationOptions).toEqual({
      unplugTimeout: 30,
      migrateTimeout: 1800,
      plugTimeout: 30,
      autoConverge: false,
      tls: false,
      announce: "probe",
      unplug: "auto",
      nonSharedStorage: "refuse",
      ignoreRules: [],
      addresses: [],
    });
  });

  it.each([
    ["unplugTimeout", 0],
    ["unplugTimeout", -1],
    ["migrateTimeout", 86_401],
    ["plugTimeout", Infinity],
    ["bandwidth", 0],
    ["bandwidth", 1.5],
    ["maxDowntime", 60_001],
    ["announce", "loud"],
    ["unplug", "never"],
    ["nonSharedStorage", "share"],
    ["ignoreRules", [""]],
    ["addresses", ["2001:db8::1"]],
    ["addresses", ["10.0.0.1; reboot"]],
    ["addresses", Array<string>(17).fill("10.0.0.1")],
    ["tunnelled", true],
  ])("refuse %s: %j, and name it", (name, value) => {
    const { error } = migrationOptionsSchema.safeParse({ [name]: value });
    const issue = error?.issues[0];
    expect(issue?.code === "unrecognized_keys" ? issue.keys[0] : issue?.path[0]).toBe(name);
  });

  it.each([
    ["unplugTimeout", 0.5],
    ["migrateTimeout", 86_400],
    ["bandwidth", 1],
    ["maxDowntime", 60_000],
    ["addresses", ["10.78.0.50"]],
  ])("take %s: %j", (name, value) => {
    expect(migrationOptionsSchema.parse({ [name]: value })).toMatchObject({ [name]: value });
  });
});

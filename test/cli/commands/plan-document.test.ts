/** `plan --json` has the same properties with either backend, of a move that is possible and of one that is refused. */
import { describe, expect } from "vitest";
import { plan } from "../../../provider/cli/commands/libvirt/plan.js";
import { pairedTest } from "../../hosts/lab-test.js";
import { contextWith } from "../command-context.js";
import { engineCli } from "./ovirt/over-engine.js";

type Json = Readonly<Record<string, unknown>>;

/** The names of its properties and of those within, but for what one backend alone has. */
function namesIn(document: Json, own: readonly string[]): readonly string[] {
  const names = (value: unknown): readonly string[] =>
    typeof value !== "object" || value === null
      ? []
      : Object.entries(value).flatMap(([name, part]) => [
          ...(/^\d+$/.test(name) ? [] : [name]),
          ...names(part).map((inner) => (/^\d+$/.test(name) ? inner : `${name}.${inner}`)),
        ]);
  return [...new Set(names(document))].filter((name) => !own.some((each) => name.startsWith(each))).toSorted();
}

describe("what would be done, as a document", () => {
  pairedTest("is the same with libvirt and on oVirt", async ({ lab }) => {
    const context = contextWith({ cluster: lab.cluster });
    const cli = await engineCli();
    const onEngine = async (line: string) => {
      // Every command has these.
      const ofAll = ["schemaVersion", "command", "outcome", "exitCode"];
      return namesIn(await cli.document(line), [...ofAll, "interfaces.nic"]);
    };
    const withLibvirt = async (to: string) => {
      const { document } = await plan(context, { vm: "web", to });
      return namesIn(document, ["unplug."]);
    };
    expect(await onEngine("plan web --to host2")).toEqual(await withLibvirt("host2"));
    expect(await onEngine("plan web --to host2")).toEqual([
      "alreadyThere",
      "bridges",
      "findings",
      "from",
      "interfaces",
      ...["mac", "network", "standbyNetwork", "vfAfter", "vfBefore"].map((name) => `interfaces.${name}`),
      "journal",
      "refused",
      "steps",
      "steps.name",
      "steps.title",
      "to",
      "unplug",
      "vm",
    ]);
    for (const vf of lab.host2.devices.virtualFunctions()) vf.netdev = { name: "ens1", up: true, addresses: [] };
    const refused = await withLibvirt("host2");
    expect(refused).toContain("findings.remedy");
    expect(await withLibvirt("host1")).toEqual(await onEngine("plan web --to host1"));
  });
});

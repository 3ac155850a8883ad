/** An engine that does not answer, is not trusted, or refuses the login: what checks make of it. */
import { beforeEach, describe, expect, it } from "vitest";
import { handlers } from "../../../provider/handlers/registry.js";
import type { Handler, StackConfig } from "../../../provider/handlers/handler.js";
import { overEngine, standbyInputs, type OverEngine } from "./over-engine.js";

let over: OverEngine;
beforeEach(async () => {
  over = await overEngine();
});

const declared = {
  VnicProfile: standbyInputs,
  VmInterface: { vm: "web", profile: "11111111-2222-4333-8444-000000000001" },
  VmPlacement: { vm: "web", host: "host2" },
};
type Kind = keyof typeof declared;
const kinds = Object.keys(declared) as Kind[];

/** Of a check, as either face tells them. */
async function reasonsOf(kind: Kind, config: StackConfig, command: object): Promise<readonly string[]> {
  const handler = handlers[kind] as unknown as Handler<object, object>;
  const checked = handler.check(over.context({ config, command }), declared[kind]);
  return checked.then(
    ({ failures }) => failures.map(({ reason }) => reason),
    (error: unknown) => [(error as Error).message],
  );
}

describe("an engine that does not answer", () => {
  beforeEach(() => over.engine.disruptions.add({ kind: "unavailable", times: 1000, retryAfter: 0 }));

  it("is one warning in a command, and no failure", async () => {
    const command = {};
    for (const kind of kinds) expect(await reasonsOf(kind, over.config, command)).toEqual([]);
    expect(over.warnings).toEqual([expect.stringMatching(/503.* Checks that need the engine were skipped\./)]);
  });

  it.each(kinds)("fails the check of a %s where the configuration says so", async (kind) => {
    const config: StackConfig = { ...over.config, unreachableHosts: "error" };
    expect(await reasonsOf(kind, config, {})).toEqual([
      expect.stringMatching(/503.*vnic-failover:unreachableHosts is "error"\./),
    ]);
    expect(over.warnings).toEqual([]);
  });
});

describe.each(kinds)("the check of a %s", (kind) => {
  it("fails where the engine's certificate is not trusted", async () => {
    const { caFile: _, ...untrusted } = JSON.parse(over.config.ovirt ?? "") as { caFile: string };
    const config: StackConfig = { ...over.config, ovirt: JSON.stringify(untrusted) };
    expect(await reasonsOf(kind, config, {})).toEqual([
      expect.stringMatching(/Unable to trust the oVirt engine's certificate/),
    ]);
    expect(over.warnings).toEqual([]);
  });

  it("fails where the engine refuses the password, which is not shown", async () => {
    const [reason = "", ...more] = await reasonsOf(kind, { ...over.config, ovirtPassword: "pa55word" }, {});
    expect(more).toEqual([]);
    expect(reason).toMatch(/sign|log in|password/i);
    expect(reason).not.toContain("pa55word");
    expect(over.warnings).toEqual([]);
  });
});

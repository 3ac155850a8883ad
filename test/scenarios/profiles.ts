/** A profile's life. */
import { expect } from "vitest";
import { fast, program, standby } from "./declarations.js";
import { expectChanges, expectOutcome, type Difference } from "./outcome.js";
import type { Scenario } from "./scenario.js";

const plain = (name: string, network = "data") =>
  `const plain = new VnicProfile("plain", { name: "${name}", network: "${network}", description: "as declared" });`;

const clearing: Difference = {
  because: "ovirt-engine's VnicProfileMapper.java keeps the stored failover where the body has none or an empty one",
  libvirt: { changes: { "data-vf": "update" } },
  ovirt: { refused: { resource: "data-vf", property: "failover", words: /cannot be cleared by oVirt's REST API/ } },
};

export const profiles: Scenario = {
  claim: "a profile is renamed in place, replaced for another network, and shown as another tool has left it",
  program: program(standby, fast, plain("plain")),
  async story({ stack, reality, administrator, here }) {
    const plainThere = async () => (await reality.profiles()).find(({ name }) => name.startsWith("plain"));
    expectChanges(await stack.up(), { data: "create", "data-vf": "create", plain: "create" });
    const made = await plainThere();
    expect(made).toMatchObject({ name: "plain", network: "data" });

    stack.write(program(standby, fast.replace("failover: standby,", ""), plain("plain")));
    expectOutcome(await stack.preview(), here(clearing));

    stack.write(program(standby, fast, plain("plainer")));
    const renamed = await stack.up();
    expectChanges(renamed, { plain: "update" });
    expect(await plainThere()).toEqual({ ...made, name: "plainer" });

    stack.write(program(standby, fast, plain("plainer", "data2")));
    const replaced = await stack.up();
    expectChanges(replaced, { plain: "replace" });
    // Network and name are taken until the old one is gone.
    expect(replaced.steps.map(({ op }) => op).filter((op) => op.includes("repl"))).toEqual([
      "delete-replaced",
      "replace",
      "create-replacement",
    ]);
    expect(await reality.profiles()).toHaveLength(3);
    const other = await plainThere();
    expect(other).toMatchObject({ name: "plainer", network: "data2" });
    expect(other?.id).not.toBe(made?.id);

    await administrator.redescribesProfile("plainer", "as declared", "by hand");
    await administrator.removesProfile("data-vf");
    expectChanges(await stack.refresh(), { plain: "update", "data-vf": "delete" });
    const drift = await stack.preview();
    expectChanges(drift, { plain: "update", "data-vf": "create" });
    expect(drift.text).toMatch(/~ description: "by hand" => "as declared"/);

    expectChanges(await stack.destroy(), { data: "delete", plain: "delete" });
    expect(await reality.traces()).toEqual([]);
  },
};

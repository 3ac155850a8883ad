/** Where the VM runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { fast, mac, nic, placement, program, standby } from "./declarations.js";
import { expectChanges, expectOutcome, expectRefused, type Difference } from "./outcome.js";
import type { Scenario, Stage } from "./scenario.js";

const all = (operation: string) => ({
  data: operation,
  "data-vf": operation,
  nic: operation,
  placement: operation,
});

export const moves: Scenario = {
  claim: "the quickstart's VM is moved by its configuration, and brought back from where another tool has moved it",
  program: readFileSync(join(root, "examples", "quickstart", "index.ts"), "utf8"),
  config: { host: "host1", mac },
  async story(stage) {
    const { stack, reality, administrator } = stage;
    expectChanges(await stack.up(), all("create"));
    await pairIsOn(stage, "host1");

    await stack.pulumi("config", "set", "test:host", "host2");
    const planned = await stack.preview();
    expectChanges(planned, { placement: "update" });
    expect(planned.text).toMatch(/host\s*: "host1" => "host2"/);
    const moved = await stack.up();
    expectChanges(moved, { placement: "update" });
    const lines = moved.diagnostics.filter(({ name, ephemeral }) => name === "placement" && ephemeral);
    expect(lines.map(({ message }) => message).join("\n")).toMatch(/\w/);
    await pairIsOn(stage, "host2");

    await administrator.movesVm("host1");
    await administrator.unplugsPair();
    const seen = await stack.refresh();
    expect(seen.changes, seen.text).toMatchObject({ nic: "update", placement: "update" });
    const drift = await stack.preview();
    expectChanges(drift, { nic: "update", placement: "update" });
    expect(drift.text).toMatch(/host\s*: "host1" => "host2"/);
    expectChanges(await stack.up(), { nic: "update", placement: "update" });
    await pairIsOn(stage, "host2");
    await stack.refresh();
    expectChanges(await stack.preview(), {});

    expectChanges(await stack.destroy(), all("delete"));
    expect(await reality.traces()).toEqual([]);
    expect(await reality.vm()).toEqual({ host: "host2", devices: [] });
  },
};

const placedOn = (host: string) => program(standby, fast, nic(), placement(host, "migration: { plugTimeout: 1 }"));

const noFreeVf: Difference = {
  because: "a VF may serve a network by a label, which REST does not tell of a PF: the engine's scheduler has the word",
  libvirt: { refused: { resource: "placement", property: "host", words: /too few free VFs of network "data-vf"/ } },
  ovirt: {
    changes: { placement: "update" },
    warning: { resource: "placement", words: /too few free VFs of network "data-vf"/ },
  },
};

const plugsLater: Difference = {
  because:
    "the engine plugs a NIC's VF and then its standby, whose alias is taken (ActivateDeactivateVmNicCommand.java): only a power cycle helps",
  libvirt: { changes: { placement: "update" } },
  ovirt: { refused: { resource: "placement", words: /without the VF of NIC "nic"[\s\S]*power cycle/ } },
};

export const impossibleMoves: Scenario = {
  claim: "a move that cannot be is refused, and one that loses the VF is told and repaired where that can be",
  program: placedOn("host1"),
  needsFaults: true,
  async story(stage) {
    const { stack, faults, here, secrets } = stage;
    expectChanges(await stack.up(), all("create"));

    stack.write(placedOn("host3"));
    expectRefused(await stack.preview(), { resource: "placement", property: "host", words: /"host3"/ });
    stack.write(placedOn("host2"));
    const bridge = await faults.losesBridge("host2");
    expectRefused(await stack.preview(), {
      resource: "placement",
      property: "host",
      words: /Host "host2" has no bridge/,
    });
    await bridge();

    const vfs = await faults.hasNoFreeVf("host2");
    expectOutcome(await stack.preview(), here(noFreeVf));
    expectRefused(await stack.up(), { resource: "placement", words: /host2/ });
    await pairIsOn(stage, "host1");
    await vfs();

    const arrival = await faults.losesVfOnArrival("host2");
    expectRefused(await stack.up(), { resource: "placement", words: /runs on "host2" without/ });
    const { text, resources } = await stack.export();
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(resources["placement"]?.outputs).toMatchObject({ host: "host2", missing: [expect.any(String)] });
    expect((await stage.reality.vm()).devices).toMatchObject([{ kind: "bridge", mac }]);
    await arrival();
    expectOutcome(await stack.up(), here(plugsLater));

    expectChanges(await stack.destroy(), all("delete"));
  },
};

export const hostsThatFail: Scenario = {
  claim: "nothing counts as gone while a host or engine that could say so is unreachable",
  program: placedOn("host1"),
  needsFaults: true,
  async story(stage) {
    const { stack, reality, faults } = stage;
    expectChanges(await stack.up(), all("create"));

    const answer = await faults.becomesUnreachable();
    const refreshed = await stack.refresh();
    expect(refreshed.exitCode, refreshed.text).not.toBe(0);
    expect(Object.values(refreshed.changes)).not.toContain("delete");
    // Nor is anything refused that it alone could object to.
    stack.write(`${placedOn("host1")}\nnew VnicProfile("more", { network: "data" });`);
    expectOutcome(await stack.preview(), {
      changes: { more: "create" },
      warning: { resource: "more", words: /were skipped/ },
    });
    await answer();

    stack.write(placedOn("host1"));
    await stack.refresh();
    expectChanges(await stack.preview(), {});
    await pairIsOn(stage, "host1");
    expectChanges(await stack.destroy(), all("delete"));
    expect(await reality.traces()).toEqual([]);
  },
};

async function pairIsOn({ reality }: Stage, host: string): Promise<void> {
  expect(await reality.vm()).toMatchObject({
    host,
    devices: [
      { kind: "bridge", mac },
      { kind: "hostdev", mac },
    ],
  });
}

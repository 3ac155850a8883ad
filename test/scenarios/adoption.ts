/** What exists already, made by another tool. */
import { expect } from "vitest";
import { fast, mac, nic, program, standby } from "./declarations.js";
import { expectChanges, expectRefused } from "./outcome.js";
import type { Scenario } from "./scenario.js";

const adopting = program(
  standby.replace(" }", ", adopt: true }"),
  fast.replace("failover: standby", "failover: standby, adopt: true"),
  nic("adopt: true"),
);

export const adoption: Scenario = {
  claim: "profiles and a pair that another tool has made are taken over as they are",
  program: program(standby, fast, nic()),
  async story({ kind, stack, reality, administrator }) {
    const failover = await administrator.addsProfile({ name: "data" });
    const profile = await administrator.addsProfile({ name: "data-vf", failover });
    await administrator.addsPair({ mac, profile, failover });
    const before = { profiles: await reality.profiles(), vm: await reality.vm() };
    expect(before.vm.devices).toHaveLength(2);

    expectRefused(await stack.preview(), { resource: "data", property: "name", words: /adopt: true/ });
    stack.write(adopting);
    expectChanges(await stack.up(), { data: "create", "data-vf": "create", nic: "create" });
    const { resources } = await stack.export();
    expect([resources["data"]?.id, resources["data-vf"]?.id]).toEqual([failover, profile]);
    // With libvirt a profile names the resource that it is of now; nothing else of it changes.
    const owners: Readonly<Record<string, string>> =
      kind === "libvirt" ? { data: "dev::test::data", "data-vf": "dev::test::data-vf" } : {};
    const profiles = before.profiles.map((each) => {
      const owner = owners[each.name];
      return owner === undefined ? each : { ...each, owner };
    });
    expect({ profiles: await reality.profiles(), vm: await reality.vm() }).toEqual({ ...before, profiles });
    expectChanges(await stack.preview(), {});

    expectChanges(await stack.destroy(), { data: "delete", "data-vf": "delete", nic: "delete" });
    expect(await reality.traces()).toEqual([]);
  },
};

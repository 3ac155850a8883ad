/** A user whose roles are not enough: what is told, whatever the engine's way of saying it. */
import { describe, expect, it } from "vitest";
import { neededRoles } from "../../../provider/backends/ovirt/rest/fault.js";
import { vmInterface } from "../../../provider/handlers/ovirt/vm-interface.js";
import { vmPlacement } from "../../../provider/handlers/ovirt/vm-placement.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import type { DisruptionInput } from "../../engine/disruptions.js";
import { declarePair, declareProfiles, overEngine, standbyInputs, type OverEngine } from "./over-engine.js";

/** No role at all; user roles only, which keep administrators' queries away; and too few for a command. */
const refusals = {
  "no role": [{ kind: "unauthorized", times: 1000 }, "401 Unauthorized"],
  "user roles only": [{ kind: "forbidden", status: 400, times: 1000 }, "insufficient permissions"],
  "no right to it": [{ kind: "forbidden", status: 403, times: 1000 }, "User is not authorized to perform this action"],
} as const satisfies Readonly<Record<string, readonly [DisruptionInput, string]>>;

const operations: Readonly<Record<string, (over: OverEngine) => Promise<unknown>>> = {
  "a profile": (over) => vnicProfile.create(over.context(), standbyInputs),
  "a profile's check": async (over) => {
    const { failures } = await vnicProfile.check(over.context(), standbyInputs, undefined);
    if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join());
  },
  "an interface": (over) =>
    vmInterface.create(over.context(), { vm: "web", profile: "fast", plugged: true, linked: true }),
  "a placement": (over) => vmPlacement.create(over.context(), { vm: "web", host: "host2" }),
  "a placement's check": async (over) => {
    const { failures } = await vmPlacement.check(over.context(), { vm: "web", host: "host2" }, undefined);
    if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join());
  },
};

describe.each(Object.entries(refusals))("a user with %s", (_, [disruption, words]) => {
  it.each(Object.entries(operations))("is told of the roles by %s", async (__, operation) => {
    const over = await overEngine();
    over.engine.disruptions.add(disruption);
    const error = await operation(over).then(() => expect.fail("it was done"), String);
    expect(error).toContain(words);
    expect(error).toContain(neededRoles);
    expect(over.engine.model.events.filter(({ severity }) => severity === "error")).toEqual([]);
  });
});

describe("a command that the user may not give, all else being allowed,", () => {
  it("is a plug: nothing is there afterwards", async () => {
    const over = await overEngine();
    const { fast } = await declareProfiles(over);
    over.engine.disruptions.add({ kind: "forbidden", status: 403, method: "POST", path: "/vms" });
    const adding = vmInterface.create(over.context(), { vm: "web", profile: fast, plugged: true, linked: true });
    await expect(adding).rejects.toThrow(neededRoles);
    expect(over.vm("web").nics).toEqual([]);
  });

  it("is a migration: the VM is where it was, with its VF, and no state is kept", async () => {
    const over = await overEngine();
    await declarePair(over);
    over.engine.disruptions.add({ kind: "forbidden", status: 403, method: "POST", path: "/vms" });
    const moving = vmPlacement.create(over.context(), { vm: "web", host: "host2" });
    await expect(moving).rejects.toMatchObject({ name: "OvirtFault", status: 403, problem: { remedy: neededRoles } });
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });
});

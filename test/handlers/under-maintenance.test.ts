/** Placements whose host is under maintenance, on three hosts in this process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HandlerContext } from "../../provider/handlers/handler.js";
import { hostAtRest, tellOfRest } from "../../provider/handlers/under-maintenance.js";
import { vmPlacement, type VmPlacementState } from "../../provider/handlers/libvirt/vm-placement.js";
import { moveVm } from "../../provider/migration/move.js";
import { declarePair } from "../hosts/declared.js";
import { twoHosts, vm, type LabLike } from "../hosts/two-hosts.js";

let lab: LabLike;
let ctx: HandlerContext;
let reports: string;
beforeEach(async () => {
  reports = await mkdtemp(join(tmpdir(), "reports-"));
  vi.stubEnv("VNIC_FAILOVER_REPORTS", reports);
  lab = await twoHosts({ more: 1 });
  await declarePair(lab);
  ctx = lab.context({ config: (await lab.entrance(["host3"])).stackConfig });
});
afterEach(async () => {
  await lab.close();
  vi.unstubAllEnvs();
  await rm(reports, { recursive: true });
});

const at = (host: string): VmPlacementState => ({ vm: "web", vmId: vm.uuid, host, missing: [] });
const hostOf = async () => (await lab.cluster.require("web")).host.name;
const rests = (on: string, named = "host3") =>
  `VM "web" runs on "${on}" while "${named}" is under maintenance; it stays there. Its placement names "${named}".`;

async function checked(host: string, before?: string) {
  const olds = before === undefined ? undefined : { vm: "web", host: before };
  const { inputs, failures } = await vmPlacement.check(ctx, { vm: "web", host }, olds);
  expect(failures).toEqual([]);
  return inputs.host;
}

describe("a placement at rest", () => {
  it("has the VM's host as its input when it is new, and says what it names", async () => {
    expect(await checked("host3")).toBe("host1");
    expect(lab.progress.warnings).toEqual([rests("host1")]);
    expect(lab.progress.infos).toEqual([]);
  });

  it("keeps the input that it had", async () => {
    expect(await checked("host3", "host3")).toBe("host3");
    expect(await checked("host3", "host1")).toBe("host1");
  });

  it("never has an input to which its VM would be moved", async () => {
    // Not refreshed: the state does not know yet that the VM has left host2.
    expect(await checked("host3", "host2")).toBe("host3");
    const { changes } = await vmPlacement.diff(ctx, "web", at("host2"), { vm: "web", host: "host3" });
    expect(changes).toBe(false);
    await vmPlacement.update(ctx, "web", at("host2"), { vm: "web", host: "host3" });
    expect(await hostOf()).toBe("host1");
  });

  it("says nothing where its VM is on that host", async () => {
    await moveVm(lab.cluster, { vm: "web", to: "host3" });
    expect(await checked("host3", "host3")).toBe("host3");
    expect(await vmPlacement.read(ctx, "web", at("host3"))).toMatchObject({ state: at("host3") });
    expect(lab.progress.warnings).toEqual([]);
  });

  it("lets its VM move away from the host", async () => {
    await moveVm(lab.cluster, { vm: "web", to: "host3" });
    const { state } = await vmPlacement.update(ctx, "web", at("host3"), { vm: "web", host: "host2" });
    expect(state.host).toBe("host2");
    expect(await hostOf()).toBe("host2");
  });

  it("is read as it was declared, and says where its VM is", async () => {
    expect(await vmPlacement.read(ctx, "web", at("host3"))).toEqual({
      id: "web",
      state: at("host3"),
      inputs: { vm: "web", host: "host3" },
    });
    expect(lab.progress.warnings).toEqual([rests("host1")]);
    // The maintenance is over.
    expect((await vmPlacement.read(lab.context(), "web", at("host3")))?.inputs.host).toBe("host1");
  });

  it("is updated where another option differs, or a VF is missing, and moves nothing", async () => {
    const missing = ["the VF of 52:54:00:aa:00:50"];
    const state = { ...at("host3"), missing };
    expect((await vmPlacement.diff(ctx, "web", state, { vm: "web", host: "host3" })).changes).toBe(true);
    const news = { vm: "web", host: "host3", migration: { bandwidth: 1 } };
    expect((await vmPlacement.diff(ctx, "web", at("host3"), news)).changes).toBeUndefined();
    expect((await vmPlacement.update(ctx, "web", state, news)).state).toEqual({ ...news, vmId: vm.uuid, missing: [] });
    expect(await hostOf()).toBe("host1");
    expect(lab.progress.infos).toEqual([]);
  });

  it("rests wherever its VM is, where no host can say that", async () => {
    lab.host1.close();
    lab.host2.close();
    lab.hosts[2]?.close();
    expect(await checked("host3", "host3")).toBe("host3");
    expect(await checked("host3")).toBe("host3");
    expect(lab.progress.warnings.join()).toContain("were skipped");
  });

  it("is refused for a VM that no host has, and for that alone", async () => {
    const { failures } = await vmPlacement.check(ctx, { vm: "absent", host: "host3" });
    expect(failures).toMatchObject([{ property: "vm" }]);
  });

  it("is made where the host was not known in the preview, and moves nothing", async () => {
    const { state } = await vmPlacement.create(ctx, { vm: "web", host: "host3" });
    expect(state).toEqual(at("host3"));
    expect(await hostOf()).toBe("host1");
    expect(lab.progress.warnings).toEqual([rests("host1")]);
  });
});

describe("the host of a placement at rest", () => {
  const isAtRest = (host: string) => host === "host3" || host === "host4";
  it.each([
    { before: undefined, on: "host1", is: "host1" },
    { before: undefined, on: undefined, is: "host3" },
    { before: "host1", on: "host1", is: "host1" },
    { before: "host3", on: "host1", is: "host3" },
    { before: "host4", on: "host1", is: "host4" },
    { before: "host2", on: "host1", is: "host3" },
    { before: "host2", on: undefined, is: "host3" },
  ])("before $before, on $on: $is", ({ is, ...hosts }) => {
    expect(hostAtRest({ named: "host3", ...hosts }, isAtRest)).toBe(is);
  });
});

it("is told once a command and resource, and of a VM that is off in other words", () => {
  const command = {};
  const rest = { vm: "web", on: "host1", named: "host3", runs: true };
  const told = { ...ctx, command, urn: "a" };
  for (const each of [told, told, { ...told, urn: "b" }, { ...told, command: {} }]) tellOfRest(each, rest);
  expect(lab.progress.warnings).toEqual([rests("host1"), rests("host1"), rests("host1")]);
  tellOfRest(ctx, { ...rest, runs: false });
  expect(lab.progress.warnings.at(-1)).toMatch(/^VM "web" is shut off on "host1" while/);
});

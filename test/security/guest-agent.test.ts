/** oVirt: what a guest's agent reports of its devices. */
import { beforeEach, describe, expect, test } from "vitest";
import { deactivateNic } from "../../provider/backends/ovirt/rest/index.js";
import { vmPlacement } from "../../provider/handlers/ovirt/vm-placement.js";
import { nicsWithoutVf, requireVm } from "../../provider/handlers/ovirt/vm.js";
import { engineOf } from "../../provider/handlers/ovirt/session.js";
import { migrateVm } from "../../provider/backends/ovirt/rest/index.js";
import { idOf } from "../engine/engine.js";
import { engineCli, type EngineCli } from "../cli/commands/ovirt/over-engine.js";

let cli: EngineCli;
beforeEach(async () => {
  cli = await engineCli();
});

/** An administrator has unplugged the NIC, and the guest claims to have a device of its MAC. */
async function unpluggedAndClaimed(): Promise<void> {
  const { over } = cli;
  const vm = over.vm("web");
  const standby = vm.devices.find(({ kind }) => kind === "bridge") ?? expect.unreachable();
  await deactivateNic(over.client, vm.id, over.nic("web", "nic").id, { correlationId: "administrator" });
  vm.devices = [...vm.devices, standby];
}

const without = async () => {
  const engine = engineOf(cli.over.context());
  return (await nicsWithoutVf(engine.client, await requireVm(engine, "web"), [])).map(({ name }) => name);
};

describe("X21: a guest that reports a NIC which an administrator has unplugged", () => {
  test("gets it back by no refresh, no up, no move and no recover", async () => {
    const { over } = cli;
    const made = await vmPlacement.create(over.context(), { vm: "web", host: "host1" });
    await unpluggedAndClaimed();
    expect(await without()).toEqual([]);
    const found = await vmPlacement.read(over.context(), made.id, made.state);
    expect(found?.state).toMatchObject({ missing: [], unplugged: [] });
    await vmPlacement.update(over.context(), made.id, made.state, { vm: "web", host: "host2" });
    expect(over.nic("web", "nic").plugged).toBe(false);
    await cli.ran("migrate web --to host1");
    expect(over.nic("web", "nic").plugged).toBe(false);
    const { code } = await cli.ran("recover");
    expect(code).toBe(0);
    expect(over.nic("web", "nic").plugged).toBe(false);
    expect(over.engine.received.filter(({ path }) => path.endsWith("/activate"))).toEqual([]);
  });

  test("is told of", async () => {
    await unpluggedAndClaimed();
    const { out } = await cli.ran("recover");
    expect(out).toContain('NIC "nic" of VM "web" is unplugged; the guest still reports its standby.');
  });
});

describe("X21: what a migration has lost", () => {
  test("is known by the engine's events, also where others moved the VM, until it is plugged or unplugged", async () => {
    const { over } = cli;
    over.engine.disruptions.add({ kind: "vf-not-replugged" });
    await migrateVm(over.client, over.vm("web").id, idOf(over.engine, "hosts", "host2"));
    await expect.poll(() => over.engine.model.events.some(({ code }) => code === 63), { timeout: 20_000 }).toBe(true);
    expect(await without()).toEqual(["nic"]);
    over.engine.model.report({
      code: 1014,
      severity: "normal",
      vm: over.vm("web").id,
      description: "Network Interface nic (PCI Passthrough) was unplugged from VM web. (User: admin)",
    });
    expect(await without()).toEqual([]);
  });
});

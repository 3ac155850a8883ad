import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DomainRef } from "../../../provider/backends/libvirt/host.js";
import { ConnectionLostError, LibvirtError } from "../../../provider/backends/libvirt/rpc/errors.js";
import { isDeviceMissing, isPlugged, unplug, UnplugFailed } from "../../../provider/backends/libvirt/unplug.js";
import { declarePair } from "../../hosts/declared.js";
import { twoHosts, type LabLike } from "../../hosts/two-hosts.js";
import { refusals } from "../../hosts/refusals.js";

let lab: LabLike;
let alias: string;
let dom: DomainRef;
beforeEach(async () => {
  lab = await twoHosts();
  alias = (await declarePair(lab)).state.aliases[1] ?? "";
  dom = (await host1().findDomain("web")) ?? { name: "", uuid: "", id: -1 };
});
afterEach(() => lab.close());

const host1 = () => lab.cluster.host("host1");

async function failureOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("unplug", () => {
  it.each([
    ["long after the call has returned", { after: 30, callWaits: 0 }],
    ["while the call still waits", { after: 1, callWaits: 30 }],
  ])("is over when the guest has released it, %s", async (_, behaviour) => {
    Object.assign(lab.host1.guest, behaviour);
    const before = Date.now();
    expect(await unplug(host1(), dom, alias, { timeout: 5 })).toBeGreaterThanOrEqual(before);
    expect(await isPlugged(host1(), dom, alias)).toBe(false);
  });

  it("of what is not there is done, although libvirt has no code of its own for that", async () => {
    await unplug(host1(), dom, "ua-nothing", { timeout: 5 });
    const error = await failureOf(host1().detachAlias(dom, "ua-nothing", 1));
    expect(error).toMatchObject({ code: 1, libvirtMessage: "internal error: no device found with alias ua-nothing" });
    expect(isDeviceMissing(error)).toBe(true);
    expect(isDeviceMissing(new Error("no device found with alias"))).toBe(false);
  });

  it.each([
    ["by its event", { after: 10, callWaits: 0 }],
    ["by the call's error", { after: 1, callWaits: 30 }],
  ])("fails at once when the guest refuses, %s", async (_, behaviour) => {
    Object.assign(lab.host1.guest, behaviour, { unplug: "refuses" });
    const error = await failureOf(unplug(host1(), dom, alias, { timeout: 600 }));
    expect(error).toBeInstanceOf(UnplugFailed);
    expect(error).toMatchObject({ mayStillGo: false });
    expect(await isPlugged(host1(), dom, alias)).toBe(true);
  });

  it("asks a guest again that is busy with the slot, as just after a plug", async () => {
    lab.host1.refuse("domain_detach_device_alias", refusals.guestBusy(), { times: 2 });
    await unplug(host1(), dom, alias, { timeout: 10 });
    expect(await isPlugged(host1(), dom, alias)).toBe(false);
    expect(lab.host1.calls.get("domain_detach_device_alias")).toBe(3);
  });

  it("fails when the guest is busy for the whole time, and has kept the device", async () => {
    lab.host1.refuse("domain_detach_device_alias", refusals.guestBusy(), { times: Infinity });
    const error = await failureOf(unplug(host1(), dom, alias, { timeout: 0.8 }));
    expect(error).toBeInstanceOf(UnplugFailed);
    expect(await isPlugged(host1(), dom, alias)).toBe(true);
  });

  it("fails after its time when the guest does not answer, which may come yet", async () => {
    lab.host1.guest.unplug = "ignores";
    const error = await failureOf(unplug(host1(), dom, alias, { timeout: 0.03 }));
    expect(error).toBeInstanceOf(UnplugFailed);
    expect(error).toMatchObject({ mayStillGo: true });
  });

  it("looks once more when no event came: it may have been missed", async () => {
    lab.host1.guest.unplug = "ignores";
    lab.host1.after("domain_detach_device_alias", () => {
      lab.host1.domains.remove(lab.host1.domains.requireNamed("web"), alias, 1);
    });
    expect(await unplug(host1(), dom, alias, { timeout: 0.03 })).toBeGreaterThan(0);
  });

  it("joins one that is under way already", async () => {
    Object.assign(lab.host1.guest, { after: 60 });
    await host1().detachAlias(dom, alias, 1);
    expect(await unplug(host1(), dom, alias, { timeout: 5 })).toBeGreaterThan(0);
  });

  it("hears only of its own device and domain", async () => {
    lab.host1.guest.unplug = "ignores";
    const running = failureOf(unplug(host1(), dom, alias, { timeout: 0.1 }));
    await new Promise<void>((resolve) => lab.host1.after("domain_detach_device_alias", () => resolve()));
    const emit = (of: DomainRef, devAlias: string) =>
      lab.host1.events.emit("domain_event_callback_device_removed", (callbackID) => ({
        callbackID,
        msg: { dom: of, devAlias },
      }));
    emit(dom, "ua-other");
    emit({ ...dom, uuid: "11111111-2222-4333-8444-000000000001" }, alias);
    expect(await running).toBeInstanceOf(UnplugFailed);
  });

  it("ends with the signal's reason, with the connection, and with libvirt's other errors", async () => {
    lab.host1.guest.unplug = "ignores";
    const reason = new Error("Ctrl-C");
    const controller = new AbortController();
    const cancelled = failureOf(unplug(host1(), dom, alias, { timeout: 600, signal: controller.signal }));
    await new Promise<void>((resolve) => lab.host1.after("domain_detach_device_alias", () => resolve()));
    controller.abort(reason);
    expect(await cancelled).toBe(reason);

    lab.host1.refuse("domain_detach_device_alias", refusals.domainNotRunning());
    expect(await failureOf(unplug(host1(), dom, alias, { timeout: 600 }))).toBeInstanceOf(LibvirtError);

    lab.host1.domains.requireNamed("web").unplugging.clear();
    lab.host1.dropAt("domain_detach_device_alias", "after");
    expect(await failureOf(unplug(host1(), dom, alias, { timeout: 600 }))).toBeInstanceOf(ConnectionLostError);
  });

  it("leaves no event registered, however it ends", async () => {
    await unplug(host1(), dom, alias, { timeout: 5 });
    lab.host1.guest.unplug = "ignores";
    await failureOf(unplug(host1(), dom, "ua-nothing", { timeout: 0.01 }));
    // Nothing waits for it.
    await vi.waitFor(() => expect(lab.host1.events.count).toBe(0));
  });
});

/** Taking a device out of a running domain: asked of the guest, over when QEMU says so. */
import { ProblemError } from "../../model/problem.js";
import { Affect } from "./constants.js";
import { LibvirtError } from "./rpc/errors.js";
import type { DomainRef, LibvirtHost } from "./host.js";

/** The guest kept the device. It is still there, and works as before, unless `mayStillGo`. */
export class UnplugFailed extends ProblemError {
  override readonly name = "UnplugFailed";
  constructor(
    /** In words, with its name: `VF 0000:01:10.0`. */
    device: string,
    domain: string,
    host: string,
    /** What became of the request, with the guest as its subject. */
    why: (device: string) => string,
    /** The guest was asked and has not answered: it may release it later. */
    readonly mayStillGo: boolean,
  ) {
    super({
      code: "unplug-failed",
      what: `The guest of VM "${domain}" ${why(device)}`,
      where: host,
      remedy:
        "Check what uses the device in the guest (a bond, a DPDK application) and that the guest is not hung, then retry.",
    });
  }
}

/** Milliseconds until a guest that is busy with the device's slot is asked again. */
const busyPause = 500;

export interface UnplugOptions {
  /** Seconds to wait for the guest. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** The device in words. Default: `device "<alias>"`. */
  readonly device?: string | undefined;
}

/**
 * Asks the guest to release a device and waits for DEVICE_REMOVED. The call itself returns before that: libvirt waits
 * for at most five seconds (qemu_hotplug.c, QEMU_UNPLUG_TIMEOUT). A device that is not there counts as unplugged.
 * @returns when the device went, in milliseconds since the epoch.
 * A guest that is busy with the device's slot, as it is for some seconds after a plug, is asked again until the time-out.
 * @throws UnplugFailed at once when the guest refuses (DEVICE_REMOVAL_FAILED), or after the time-out.
 */
export async function unplug(
  host: LibvirtHost,
  dom: DomainRef,
  alias: string,
  { timeout, signal, device = `device "${alias}"` }: UnplugOptions,
): Promise<number> {
  const connection = await host.connection();
  const { promise: over, resolve, reject } = deferred<number>();
  // The first failure is told; this one must not count as unhandled until it is awaited.
  over.catch(() => undefined);
  const mine = (event: { dom: DomainRef; devAlias: string }) => event.dom.uuid === dom.uuid && event.devAlias === alias;
  const failure = (why: (device: string) => string, mayStillGo: boolean) =>
    new UnplugFailed(device, dom.name, host.name, why, mayStillGo);
  const refused = () => failure((it) => `rejected the unplug request for ${it}`, false);
  const stopListening = await Promise.all([
    connection.on("device_removed", (event) => mine(event) && resolve(host.clock.now())),
    connection.on("device_removal_failed", (event) => mine(event) && reject(refused())),
  ]);
  const tooLate = () => reject(failure((it) => `did not release ${it} within ${timeout} s`, true));
  const end = host.clock.now() + timeout * 1000;
  const cancelTimer = host.clock.after(timeout * 1000, tooLate);
  const cancelled = () => reject(signal?.reason);
  signal?.addEventListener("abort", cancelled, { once: true });
  void connection.ended.then(reject);
  try {
    for (;;) {
      // libvirt answers within seconds, unless QEMU does not answer it: what ends the wait ends it then, too.
      const answer = await Promise.race([askGuest(host, dom, alias, refused), over]);
      if (typeof answer === "number") return answer;
      if (answer === "gone") return host.clock.now();
      if (answer === "asked") return await over;
      // It has not been asked: unless it was before, it keeps the device.
      if (host.clock.now() + busyPause >= end)
        throw failure((it) => `kept the PCI slot of ${it} busy for ${timeout} s`, true);
      const gone = await Promise.race([over, host.clock.sleep(busyPause)]);
      if (gone !== undefined) return gone;
    }
  } catch (error) {
    // An event may be missed where libvirtd restarts: what counts is what is there now.
    if (error instanceof UnplugFailed && error.mayStillGo && !(await isPlugged(host, dom, alias)))
      return host.clock.now();
    throw error;
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", cancelled);
    // The device has gone, and there is more to do: libvirt may forget us meanwhile.
    for (const stop of stopListening) stop().catch(() => undefined);
  }
}

/**
 * Has libvirt tell from now on what becomes of devices that guests are asked to release: an {@link unplug} waits for no round trip
 * of its own for it, before it asks and after. Returns the function that ends it.
 */
export async function hearUnplugs(host: LibvirtHost): Promise<() => Promise<void>> {
  const connection = await host.connection();
  const nothing = () => undefined;
  const stopListening = await Promise.all([
    connection.on("device_removed", nothing),
    connection.on("device_removal_failed", nothing),
  ]);
  return async () => {
    await Promise.allSettled(stopListening.map((stop) => stop()));
  };
}

/** Whether the running domain has a device of that alias. */
export async function isPlugged(host: LibvirtHost, dom: DomainRef, alias: string): Promise<boolean> {
  return (await host.liveDomain(dom)).interfaces.some((nic) => nic.alias === alias);
}

/** libvirt has a code for a missing device, and does not use it for an alias (src/qemu/qemu_hotplug.c). */
export function isDeviceMissing(error: unknown): boolean {
  return (
    LibvirtError.is(error, "DEVICE_MISSING") ||
    (LibvirtError.is(error) && error.libvirtMessage.includes("no device found with alias"))
  );
}

async function askGuest(
  host: LibvirtHost,
  dom: DomainRef,
  alias: string,
  refused: () => Error,
): Promise<"asked" | "gone" | "busy"> {
  try {
    await host.detachAlias(dom, alias, Affect.LIVE);
    return "asked";
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    if (isDeviceMissing(error)) return "gone";
    // libvirt's and QEMU's words for these two cases; neither has an error code of its own
    // (libvirt src/qemu/qemu_hotplug.c, QEMU system/qdev-monitor.c).
    if (error.libvirtMessage.includes("unplug of device was rejected by the guest")) throw refused();
    if (error.libvirtMessage.includes("already in the process of unplug")) return "asked";
    if (isBusy(error.libvirtMessage)) return "busy";
    throw error;
  }
}

/**
 * QEMU's words for a slot whose indicator blinks, since the guest is at work on it (QEMU hw/pci/pcie.c,
 * pcie_cap_slot_unplug_request_cb; hw/pci/shpc.c, shpc_device_unplug_request_cb).
 */
function isBusy(message: string): boolean {
  return /guest is busy|power indicator blinking/.test(message);
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (reason: unknown) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** What a guest's agent tells of its operating system. Each question has a time limit: an agent may never answer. */
import * as z from "zod";
import type { DomainRef, LibvirtHost } from "./host.js";
import { asUnreachable } from "./host-errors.js";
import { valuesOf } from "./rpc/datatypes.js";
import { LibvirtError } from "./rpc/errors.js";

export interface GuestSystem {
  readonly os: "linux" | "windows" | "other";
  /** Of Linux, as `uname -r` has it. */
  readonly kernel?: string;
  /** Of Windows: the release of virtio-win that its VirtIO network driver is of, `0.1.189`. */
  readonly virtioDrivers?: string;
}

/** Seconds for an agent to answer. libvirt itself gives up on one that does not answer after as many (qemu_agent.c, QEMU_AGENT_WAIT_TIME). */
const agentTimeout = 5;
/** Milliseconds after which libvirt's own answer is not waited for any more: another's command may have the agent. */
const answerTimeout = (agentTimeout + 1) * 1000;

/** VIR_DOMAIN_GUEST_INFO_OS */
const osInfo = 1 << 1;

/**
 * Undefined: the agent, or libvirt, does not tell.
 * @param timeoutMs for libvirt's answer to each question. Default 6,000.
 */
export async function guestSystem(
  host: LibvirtHost,
  dom: DomainRef,
  timeoutMs = answerTimeout,
): Promise<GuestSystem | undefined> {
  const values = await ifTold(async () => {
    const connection = await host.connection();
    const call = { dom, types: osInfo, flags: 0 };
    return valuesOf((await connection.call("domain_get_guest_info", call, { timeoutMs })).params);
  });
  const id = values?.["os.id"];
  if (typeof id !== "string") return undefined;
  if (id === "mswindows") {
    const virtioDrivers = await virtioDriversOf(host, dom, timeoutMs);
    return { os: "windows", ...(virtioDrivers !== undefined && { virtioDrivers }) };
  }
  const kernel = values?.["os.kernel-release"];
  if (/bsd|solaris|illumos|darwin|macos/i.test(id)) return { os: "other" };
  return { os: "linux", ...(typeof kernel === "string" && { kernel }) };
}

/** QEMU's qapi-schema.json, GuestDeviceInfo; the member was called `address` before 5.2. */
const guestDevice = z.looseObject({
  "driver-version": z.string().optional(),
  id: z.looseObject({ "vendor-id": z.number(), "device-id": z.number() }).optional(),
  address: z.looseObject({ data: z.looseObject({ "vendor-id": z.number(), "device-id": z.number() }) }).optional(),
});
const answerOfAgent = z.looseObject({ return: z.array(guestDevice) });

/** VirtIO's PCI vendor, and its network card: transitional and modern (VIRTIO 1.2, 4.1.2). */
const virtioVendor = 0x1af4;
const networkCards: readonly number[] = [0x1000, 0x1041];

/**
 * libvirt has no call of its own for it, and marks the domain as tainted by `custom-ga-command`, as on oVirt, whose hosts ask
 * this of every Windows guest. The last number of a driver's version is its release of virtio-win: `100.85.104.18900`.
 */
async function virtioDriversOf(host: LibvirtHost, dom: DomainRef, timeoutMs: number): Promise<string | undefined> {
  const result = await ifTold(async () => {
    const connection = await host.connection();
    const cmd = JSON.stringify({ execute: "guest-get-devices" });
    const call = { dom, cmd, timeout: agentTimeout, flags: 0 };
    return (await connection.call("qemu_domain_agent_command", call, { timeoutMs })).result;
  });
  const { data } = answerOfAgent.safeParse(parsed(result));
  const card = data?.return.find((device) => {
    const id = device.id ?? device.address?.data;
    return id?.["vendor-id"] === virtioVendor && networkCards.includes(id["device-id"]);
  });
  const build = /\.(\d+)00$/.exec(card?.["driver-version"] ?? "")?.[1];
  return build === undefined ? undefined : `0.1.${build}`;
}

function parsed(json: string | null | undefined): unknown {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return undefined;
  }
}

/** A refusal of libvirt's, and no answer in time, tell nothing of the guest. */
async function ifTold<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (LibvirtError.is(error) || asUnreachable(error) !== undefined) return undefined;
    throw error;
  }
}

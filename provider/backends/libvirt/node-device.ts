/** One of a host's devices, as libvirt describes it. */
import { undefinedOn, type LibvirtHost } from "./host.js";
import { LibvirtError } from "./rpc/errors.js";
import { parseNodeDevice } from "./xml/node-device.js";

/** Milliseconds between two looks at a device that is just changing, and how many there are: 10 s, for a host that is busy with it. */
const [interval, looks] = [100, 100];

/** Undefined: the host has none of that name. */
export async function nodeDeviceNamed(
  host: LibvirtHost,
  name: string,
): Promise<ReturnType<typeof parseNodeDevice> | undefined> {
  const answer = await undefinedOn("NO_NODE_DEVICE", () => nodeDeviceXml(host, name));
  return answer === undefined ? undefined : parseNodeDevice(answer.xml);
}

/**
 * libvirt fails with "the cause is unknown" where a VF changes its driver, or its netdev goes, while it is looked at: another VF's taker
 * is at it.
 */
async function nodeDeviceXml(host: LibvirtHost, name: string): Promise<{ readonly xml: string }> {
  for (let look = 1; ; look += 1) {
    try {
      return await (await host.connection()).call("node_device_get_xml_desc", { name, flags: 0 });
    } catch (error) {
      if (!LibvirtError.is(error, "INTERNAL_ERROR") || look === looks) throw error;
      await host.clock.sleep(interval);
    }
  }
}

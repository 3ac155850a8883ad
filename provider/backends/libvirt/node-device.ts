/** One of a host's devices, as libvirt describes it. */
import { ListNodeDevices } from "./constants.js";
import { undefinedOn, type LibvirtHost } from "./host.js";
import { LibvirtError } from "./rpc/errors.js";
import { parseNodeDevice } from "./xml/node-device.js";

/** Milliseconds between two looks at a device that is just changing, and how many there are. */
const [interval, looks] = [100, 20];

/** Undefined: the host has none of that name. */
export async function nodeDeviceNamed(
  host: LibvirtHost,
  name: string,
): Promise<ReturnType<typeof parseNodeDevice> | undefined> {
  const xml = await undefinedOn("NO_NODE_DEVICE", () => xmlOf(host, name));
  return xml === undefined ? undefined : parseNodeDevice(xml);
}

/**
 * libvirt fails with "the cause is unknown" where a VF changes its driver while it is looked at, because another VF's taker is at it; and for
 * a netdev that has gone so, for as long as it remembers it: among the host's netdevs it does not list it any more (seen with 11.3).
 */
async function xmlOf(host: LibvirtHost, name: string): Promise<string | undefined> {
  const connection = await host.connection();
  for (let look = 1; ; look += 1) {
    try {
      return (await connection.call("node_device_get_xml_desc", { name, flags: 0 })).xml;
    } catch (error) {
      if (!LibvirtError.is(error, "INTERNAL_ERROR") || look === looks) throw error;
      await host.clock.sleep(interval);
    }
    if (name.startsWith("net_") && !(await netDeviceNames(host)).includes(name)) return undefined;
  }
}

/** libvirt's names of the host's netdevs. */
export async function netDeviceNames(host: LibvirtHost): Promise<readonly string[]> {
  const all = { need_results: 1, flags: ListNodeDevices.NET } as const;
  const { devices } = await (await host.connection()).call("connect_list_all_node_devices", all);
  return devices.map(({ name }) => name);
}

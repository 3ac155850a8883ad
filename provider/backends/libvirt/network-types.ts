/** What a libvirt network makes of an interface that names it. */
import { interfaceTypeOf } from "./xml/network.js";
import { undefinedOn, type LibvirtHost } from "./host.js";
import { unlessMissing } from "./rpc/optional-drivers.js";

/** By the networks' names: `hostdev`, `bridge`, `direct` or `network`. What the host does not have or cannot tell is left out. */
export async function networkTypesOn(
  host: LibvirtHost,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const types = await Promise.all(
    [...new Set(names)].map(async (name): Promise<readonly (readonly [string, string])[]> => {
      const ask = async () => {
        const connection = await host.connection();
        const { net } = await connection.call("network_lookup_by_name", { name });
        return (await connection.call("network_get_xml_desc", { net, flags: 0 })).xml;
      };
      const xml = await unlessMissing(() => undefinedOn("NO_NETWORK", ask));
      return xml === undefined ? [] : [[name, interfaceTypeOf(xml)]];
    }),
  );
  return new Map(types.flat());
}

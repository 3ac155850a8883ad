/** The network devices in a domain's XML. */
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import type { DeviceThere } from "./backend.js";

/** Bridged ones first. */
export function networkDevices(domainXml: string): readonly DeviceThere[] {
  return parseDomain(domainXml)
    .interfaces.map(({ type, mac = "", alias = "" }): DeviceThere => ({
      kind: type === "hostdev" ? "hostdev" : "bridge",
      mac,
      alias,
    }))
    .toSorted((one, other) => (one.kind < other.kind ? -1 : 1));
}

/** A network interface of a host, as libvirt's interface driver tells it (virInterfaceGetXMLDesc). */
import { attribute, child, children, parseXml } from "../../../xml/element.js";
import { defined, natural } from "../../../xml/values.js";

export interface HostInterface {
  readonly name: string;
  /** `bridge`, `ethernet`, `bond`, `vlan`. */
  readonly type: string;
  /** Bytes. */
  readonly mtu?: number;
  /** Of a bridge: the names of its ports. */
  readonly ports: readonly string[];
  /** Of a bond: its members. Of a VLAN: the interface that it is on. */
  readonly below?: readonly string[];
}

/** @throws XmlError as {@link parseXml}. */
export function parseHostInterface(xml: string): HostInterface {
  const root = parseXml(xml);
  const namesIn = (part: string) =>
    children(child(root, part), "interface").flatMap((each) => attribute(each, "name") ?? []);
  const below = [...namesIn("bond"), ...namesIn("vlan")];
  return {
    name: attribute(root, "name") ?? "",
    type: attribute(root, "type") ?? "",
    ports: namesIn("bridge"),
    ...(below.length > 0 && { below }),
    ...defined({ mtu: natural(attribute(child(root, "mtu"), "size")) }),
  };
}

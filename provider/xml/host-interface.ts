/** A network interface of a host, as libvirt's interface driver tells it (virInterfaceGetXMLDesc). */
import { attribute, child, children, parseXml } from "./element.js";
import { defined, natural } from "./values.js";

export interface HostInterface {
  readonly name: string;
  /** `bridge`, `ethernet`, `bond`, `vlan`. */
  readonly type: string;
  /** Bytes. */
  readonly mtu?: number;
  /** Of a bridge: the names of its ports. */
  readonly ports: readonly string[];
}

/** @throws XmlError as {@link parseXml}. */
export function parseHostInterface(xml: string): HostInterface {
  const root = parseXml(xml);
  return {
    name: attribute(root, "name") ?? "",
    type: attribute(root, "type") ?? "",
    ports: children(child(root, "bridge"), "interface").flatMap((port) => attribute(port, "name") ?? []),
    ...defined({ mtu: natural(attribute(child(root, "mtu"), "size")) }),
  };
}

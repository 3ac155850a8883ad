import { attribute, child, children, find, formatXml, parseXml, textOf, XmlError } from "../../../xml/element.js";
import type { Element } from "../../../xml/element.js";
import { defined, natural, yesNo } from "../../../xml/values.js";

/** What a host says of itself (virConnectGetCapabilities; formatcaps.rst). */
export interface HostCapabilities {
  readonly uuid?: string;
  readonly arch?: string;
  /** The host's `<cpu>` as XML, the form in which another host's virConnectCompareCPU takes it. */
  readonly cpuXml?: string;
  /** Whether an IOMMU is on; absent where libvirt does not say (before 4.8). */
  readonly iommu?: boolean;
  /** Its NUMA nodes by their numbers; absent where libvirt does not say. */
  readonly nodes?: readonly number[];
}

/** @throws XmlError `xml-unexpected` if it is another document; else as {@link parseXml}. */
export function parseHostCapabilities(xml: string): HostCapabilities {
  const host = child(rootNamed("capabilities", xml), "host");
  const cpu = child(host, "cpu");
  const cells = children(find(host, "topology", "cells"), "cell").slice(0, mostNodes);
  const nodes = cells.flatMap((cell) => natural(attribute(cell, "id")) ?? []);
  return defined({
    uuid: textOf(child(host, "uuid")),
    arch: textOf(child(cpu, "arch")),
    cpuXml: cpu && formatXml(cpu),
    iommu: yesNo(attribute(child(host, "iommu"), "support")),
    nodes: nodes.length === 0 ? undefined : nodes,
  });
}

/** What Linux is built with at most (CONFIG_NODES_SHIFT of 10). */
const mostNodes = 1024;

/** What a host can give to a domain of one kind (virConnectGetDomainCapabilities; formatdomaincaps.rst). */
export interface DomainCapabilities {
  readonly emulator?: string;
  /** `kvm`, `qemu`, … */
  readonly virtType?: string;
  /** The machine type with its version, such as `pc-q35-9.2` for `q35`. */
  readonly machine?: string;
  /** Whether host devices can be passed through with VFIO. */
  readonly vfio: boolean;
}

/** @throws XmlError `xml-unexpected` if it is another document; else as {@link parseXml}. */
export function parseDomainCapabilities(xml: string): DomainCapabilities {
  const root = rootNamed("domainCapabilities", xml);
  const hostdev = find(root, "devices", "hostdev");
  const backends = children(hostdev, "enum").find((each) => attribute(each, "name") === "pciBackend");
  return {
    vfio:
      attribute(hostdev, "supported") === "yes" &&
      children(backends, "value").some((value) => textOf(value) === "vfio"),
    ...defined({
      emulator: textOf(child(root, "path")),
      virtType: textOf(child(root, "domain")),
      machine: textOf(child(root, "machine")),
    }),
  };
}

function rootNamed(name: string, xml: string): Element {
  const root = parseXml(xml);
  if (root.name === name) return root;
  throw new XmlError({
    code: "xml-unexpected",
    what: `Unable to read the XML from libvirt: expected <${name}>, found <${root.name}>`,
  });
}

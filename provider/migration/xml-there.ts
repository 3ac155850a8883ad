/** The VM's XML as the destination is given it: with its own VFs, bridges and VLANs, and with all else as the VM has it. */
import { networkOn } from "../config/index.js";
import { ProblemError } from "../model/problem.js";
import { evaluate, migrationXmlRules, problemOf } from "../rules/index.js";
import { attribute, child, formatXml, parseXml, withAttributes, withChildren, type Element } from "../xml/element.js";
import { parseInterfaceRecords, primaryAliasOf } from "../backends/libvirt/xml/interface-record.js";
import { withMemoryAllocated } from "../backends/libvirt/xml/memory-backing.js";
import { findMetadata, withMetadataReplaced } from "../backends/libvirt/xml/metadata.js";
import { parseDomain, replacePrimarySource, type Domain } from "../backends/libvirt/xml/domain.js";
import { withVlan } from "../backends/libvirt/xml/primary.js";
import { parseInterface } from "../backends/libvirt/xml/teaming.js";
import { DomainXml } from "../backends/libvirt/constants.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { withBridgesThere, type Way } from "./bridges.js";
import { isPluggedIn, type MoveContext } from "./context.js";
import { buildJournal, destinationVfsOf, type JournalInterface } from "./journal.js";
import { leaseLasts } from "./lease.js";
import type { Prepared } from "./prepare.js";
import { refuseForeignXml } from "./source-xml.js";
import { stepTable } from "./step-table.js";
import { teamingFacts } from "./teaming-facts.js";

/** A network may have another VLAN on the other host: then so has its VF. */
export function onHost(context: MoveContext, host: LibvirtHost, nic: JournalInterface) {
  const isOneVlan = vlanOn(context, context.source, nic) === vlanOn(context, context.destination, nic);
  return (device: Element): Element =>
    isOneVlan ? device : withVlan(device, vlanOn(context, host, nic), parseInterface(device).vlan);
}

export function vlanOn({ cluster }: MoveContext, host: LibvirtHost, { network }: JournalInterface): number | undefined {
  return networkOn(cluster.config, host.name, network)?.vlan;
}

/**
 * The definition that the destination is to keep: the VM's own as it is now, with the destination's VFs.
 * @throws ProblemError where it would be another VM's, or its interfaces were edited since the move began.
 */
export function definitionThere(
  context: MoveContext,
  { definition, resources }: Prepared,
  { raw, interfaces }: Domain,
): string {
  const present = context.journal.interfaces.filter((nic) => isPluggedIn(interfaces, nic));
  const there = formatXml(bindingOurs(present.reduce((xml, nic) => withDestinationVf(context, xml, nic), raw)));
  refuseForeignXml(context, resources, there);
  refuseOtherDevices(definition, there);
  return xmlThere(context, there);
}

/** The XML with the bridges' names on the destination. What the source has sent was looked at before. */
function xmlThere(context: MoveContext, xml: string): string {
  return rewritten(xml, (domain) => withBridgesThere(wayOf(context), domain));
}

/**
 * As {@link xmlThere}, of the VM as it runs there: its memory is taken before its VFs leave, and not while they are plugged. Its journal is
 * the one that counts from its arrival until it is written next, however long the steps take until then.
 */
export function liveXmlThere(context: MoveContext, xml: string): string {
  const { journal, options, clock } = context;
  const lasts = (stepTable.unplug.limit(options) + stepTable.migrate.limit(options)) * 1000 + leaseLasts;
  context.vfsInIncoming = destinationVfsOf(journal);
  const onArrival = buildJournal({ ...journal, step: "migrate", until: clock.now() + lasts });
  return rewritten(xml, (domain) => {
    const there = withMetadataReplaced("journal", onArrival, withBridgesThere(wayOf(context), domain));
    return journal.interfaces.length === 0 ? there : withMemoryAllocated(there);
  });
}

/** What is not changed stays as it was written. */
function rewritten(xml: string, rewrite: (domain: Element) => Element): string {
  const domain = parseXml(xml);
  const there = rewrite(domain);
  return there === domain ? xml : formatXml(there);
}

function wayOf({ cluster: { config }, source, destination, networksOfNics }: MoveContext): Way {
  return { config, from: source.name, to: destination.name, networks: networksOfNics };
}

/** The definition, from which libvirt binds the VFs of our own pairs when it starts the VM: older versions left that to others. */
function bindingOurs(definition: Element): Element {
  const ours = parseInterfaceRecords(findMetadata("interfaces", definition))
    .filter(({ adopted }) => adopted === undefined)
    .map(primaryAliasOf);
  const isOurs = (device: Element) =>
    device.name === "interface" &&
    attribute(device, "type") === "hostdev" &&
    ours.includes(attribute(child(device, "alias"), "name") ?? "");
  const managed = (devices: Element) =>
    withChildren(
      devices,
      devices.children.map((device) => (isOurs(device) ? withAttributes(device, { managed: "yes" }) : device)),
    );
  return withChildren(
    definition,
    definition.children.map((part) => (part.name === "devices" ? managed(part) : part)),
  );
}

/** @throws ProblemError where it would be another VM's. */
export async function liveDefinitionThere(context: MoveContext, dom: DomainRef): Promise<string> {
  const live = await context.source.xmlToChange(dom, DomainXml.MIGRATABLE);
  const there = context.journal.interfaces.reduce((xml, nic) => withDestinationVf(context, xml, nic), parseXml(live));
  const xml = formatXml(there);
  refuseOtherDevices(parseDomain(live), xml);
  return xml;
}

/**
 * What the destination is given differs from the VM in its VFs alone.
 * @throws ProblemError of the first rule that is broken; nothing has been asked of the destination.
 */
function refuseOtherDevices(own: Domain, there: string): void {
  const [first] = evaluate(migrationXmlRules, {
    source: teamingFacts(own),
    target: teamingFacts(parseDomain(there)),
  });
  if (first !== undefined) throw new ProblemError(problemOf(first));
}

function withDestinationVf(context: MoveContext, domain: Element, nic: JournalInterface): Element {
  return replacePrimarySource(domain, nic, nic.destinationVf, onHost(context, context.destination, nic));
}

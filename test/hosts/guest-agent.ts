/** The channel to a guest's agent, as libvirt prints it of a running domain (docs/formatdomain.rst, "Guest agent"). */
import { parseXml, withChildren } from "../../provider/xml/element.js";
import type { DomainModel } from "./domains.js";

/** @param state whether a program in the guest has opened it. */
export function withAgent(domain: DomainModel, state: "connected" | "disconnected"): void {
  const channel = parseXml(
    `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='${state}'/></channel>`,
  );
  const { live } = domain;
  if (live === undefined) throw new Error(`${domain.name} does not run`);
  domain.live = withChildren(
    live,
    live.children.map((part) => (part.name === "devices" ? withChildren(part, [...part.children, channel]) : part)),
  );
}

/** The channel to a guest's agent, as a running domain's XML has it. Pure. */
import { attribute, child, children, type Element } from "../../../xml/element.js";

/** libvirt's own name for it (docs/formatdomain.rst, "Guest agent"). */
const channelName = "org.qemu.guest_agent.0";

/** `none`: the domain has no such channel. `disconnected`: no program in the guest has opened it. */
export function agentChannelOf(domain: Element): "none" | "connected" | "disconnected" {
  const targets = children(child(domain, "devices"), "channel").map((channel) => child(channel, "target"));
  const target = targets.find((each) => attribute(each, "name") === channelName);
  if (target === undefined) return "none";
  return attribute(target, "state") === "connected" ? "connected" : "disconnected";
}

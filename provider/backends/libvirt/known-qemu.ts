/** What a host's libvirt knows of the QEMU programs that it starts. */
import { attribute, find, textOf, type Element } from "../../xml/element.js";
import type { LibvirtHost } from "./host.js";
import { LibvirtError } from "./rpc/errors.js";

/**
 * libvirt looks at a QEMU once, before it starts the first VM with it, which takes seconds. With the host's capabilities it has looked
 * at the default one only (qemu_capabilities.c, virQEMUCapsInitGuest): it is asked for the VM's. What it answers does not matter here.
 */
export async function learnQemu(host: LibvirtHost, domain: Element): Promise<void> {
  const type = find(domain, "os", "type");
  try {
    await (
      await host.connection()
    ).call("connect_get_domain_capabilities", {
      emulatorbin: textOf(find(domain, "devices", "emulator")) ?? null,
      arch: attribute(type, "arch") ?? null,
      machine: attribute(type, "machine") ?? null,
      virttype: attribute(domain, "type") ?? null,
      flags: 0,
    });
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
  }
}

import * as z from "zod";
import { optional, required, resourceType, trueByDefault } from "../describe.js";
import { normalizeMac } from "../mac.js";

const mac = z.string().transform((text, context) => {
  const normal = normalizeMac(text);
  if (normal !== undefined) return normal;
  context.addIssue({ code: "custom", message: "must be a MAC address such as 52:54:00:12:34:56" });
  return z.NEVER;
});

export const vmInterface = resourceType({
  kind: "VmInterface",
  doc: `A VM's network interface. Of a passthrough profile with a failover it is a pair with one MAC: the VF, and the standby on
a bridge that the guest's net_failover joins to it.

A change of \`vm\`, \`profile\` or \`mac\` replaces the interface. On the same VM the old interface is unplugged before the new one
is plugged, since they share the MAC, standby or VF: the guest has no connection to this network for some seconds. On another VM,
with another MAC, the new one is created first.`,
  importBy: ["the VM's name and the MAC", "web-nic web/52:54:00:12:34:56"],
  inputs: {
    vm: required(
      z.string().min(1).max(255),
      "The VM's name; on oVirt the name or id of one in the stack's cluster. It has to exist.",
      { replaces: true },
    ),
    profile: required(z.string().min(1), "Id of the vNIC profile that the interface is made of.", {
      refersTo: "VnicProfile",
      replaces: true,
    }),
    mac: optional(
      mac,
      "The MAC address of both halves of a pair, such as `52:54:00:12:34:56`; case and separators do not matter.",
      {
        defaultText:
          "generated with libvirt's prefix 52:54:00; on oVirt assigned from the cluster's MAC pool. It does not change afterwards",
        replaces: true,
        alwaysSet: true,
        constant: true,
      },
    ),
    plugged: trueByDefault(
      "Whether the VM has the devices. `false` takes them from the VM and keeps the interface declared. On oVirt a VF that a migration has lost cannot be plugged beside its standby: the VM has to be shut down and started first.",
    ),
    linked: trueByDefault(
      "Whether the link is up. `false` is possible only for an interface without a VF, since a VF's link follows its PF.",
    ),
    adopt: optional(
      z.boolean(),
      "Takes over an interface with that MAC that the VM has already: with libvirt a pair that any tool has made, on oVirt a NIC of that profile. Needs `mac`.",
      { defaultText: "`false`, and such an interface is an error" },
    ),
  },
  outputs: {
    vmId: optional(
      z.string(),
      "The VM's UUID; on oVirt its id. The interface belongs to this VM. If another VM has the name now, that VM is not touched, and an update fails. Absent in states of older versions, until the next refresh or update.",
      { constant: true },
    ),
    host: optional(
      z.string(),
      "Where the VM was when the interface was plugged or refreshed last: after a move it is the host before, and `vf` the VF there, until a refresh. `getVmPlacement` tells where the VM is now. Absent on oVirt while the VM is down.",
    ),
    vf: optional(
      z.string(),
      "The VF's PCI address on that host, `0000:b3:02.3`. Absent while there is none. On oVirt it is present only if the VM has exactly one VF, since the engine reports VFs per VM and not per NIC.",
    ),
    aliases: required(
      z.array(z.string()).readonly(),
      "The aliases of its devices in libvirt's XML, the standby's first.",
      { constant: true },
    ),
    xml: optional(
      z.string(),
      "libvirt's XML of its devices, in one line. Absent on oVirt, where the engine writes it.",
    ),
    missing: required(
      z.array(z.string()).readonly(),
      "What is missing of what was declared, in words. Empty when nothing is; otherwise `up` repairs it. On oVirt only a VF whose standby the guest agent reports: a NIC that was deactivated by hand shows as `plugged: false`.",
      { drift: true },
    ),
  },
});

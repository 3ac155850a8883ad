import type { VmInterfaceInputs } from "../../../handlers/inputs/vm-interface.js";
import type { VmInterfaceState } from "../../../handlers/libvirt/vm-interface.js";
import type { Internal } from "./internal.js";
import { boolean, listOf, text, type Properties, type ResourceSpec } from "./spec.js";

const inputs = {
  vm: {
    ...text,
    description: "The VM's name; over oVirt its name or id. It has to exist.",
    willReplaceOnChanges: true,
  },
  profile: {
    ...text,
    description: "Id of the vNIC profile that the interface is made of.",
    willReplaceOnChanges: true,
  },
  mac: {
    ...text,
    description:
      "The MAC address of both halves of a pair, such as `52:54:00:12:34:56`. Default: one is made up with libvirt's prefix 52:54:00, or taken from oVirt's pool, and stays.",
    willReplaceOnChanges: true,
  },
  plugged: {
    ...boolean,
    description: "`false` takes the devices from the VM and keeps the interface declared.",
    default: true,
  },
  linked: {
    ...boolean,
    description: "Whether the link is up. An interface with a VF cannot be taken down.",
    default: true,
  },
  adopt: {
    ...boolean,
    description: "Takes over an interface with that MAC that the VM has already. Without, that is an error.",
  },
} satisfies Properties<keyof VmInterfaceInputs>;

const outputs = {
  vmId: {
    ...text,
    description:
      "The VM's UUID; on oVirt its id. What is declared is that VM's: another one that has its name is left alone, and an update refuses.",
  },
  host: {
    ...text,
    description:
      "Where the VM was when the interface was plugged or refreshed last; absent where oVirt keeps it nowhere.",
  },
  vf: { ...text, description: "The VF's PCI address on that host, `0000:b3:02.3`. Absent while there is none." },
  aliases: { ...listOf(text), description: "The aliases of its devices in libvirt's XML, the standby's first." },
  xml: { ...text, description: "libvirt's XML of its devices. Absent over oVirt." },
  missing: {
    ...listOf(text),
    description: "What is missing of what was declared, in words. Empty when nothing is; otherwise `up` mends it.",
  },
} satisfies Properties<Exclude<keyof VmInterfaceState, keyof VmInterfaceInputs | Internal>>;

export const vmInterfaceSpec: ResourceSpec = {
  description: `A VM's network interface. Of a passthrough profile with a failover it is a pair with one MAC: the VF, and the standby on
a bridge that the guest's net_failover joins to it.

## Import

By the VM's name and the MAC:

\`\`\`sh
pulumi import vnic-failover:index:VmInterface web-nic web/52:54:00:12:34:56
\`\`\`
`,
  inputs,
  requiredInputs: ["vm", "profile"],
  outputs,
  required: ["vm", "profile", "mac", "plugged", "linked", "aliases", "missing"],
};

import * as z from "zod";
import { enumType, optional, required, resourceType, withDefault } from "../describe.js";

const text = z.string().min(1).max(255);
/** A libvirt network's name: it becomes a file's name on the host. */
const name = z.string().regex(/^[^/\s][^/\n]{0,254}$/, "must be a name without '/' of at most 255 characters");

const passThrough = enumType(
  {
    enabled: "A virtual function (VF) of one of the network's physical functions (PFs).",
    disabled: "A virtio NIC on the network's bridge.",
  },
  "PassThrough",
  "What interfaces of a profile are made of.",
);

export const vnicProfile = resourceType({
  kind: "VnicProfile",
  doc: `A vNIC profile, as oVirt has them: what an interface of that profile is made of.

A passthrough profile with a \`failover\` gives its interfaces two halves: a VF, and a standby of the failover profile that
carries the traffic while the VF is away, as in a live migration.

A profile that acts as another's failover cannot be changed: oVirt refuses it, and so does this package, at preview.`,
  importBy: ["its id, or `network/name`", "fast data-vf/fast"],
  deleteBeforeReplace: true,
  inputs: {
    name: required(
      name,
      "Unique on its network, at most 255 characters, without `/`. With libvirt it is the name of a libvirt network on every host, and no other libvirt network there has it.",
      { isName: true },
    ),
    network: required(
      text,
      "The logical network: as `vnic-failover:cluster` names it; on oVirt the name or id of one in the data center of the stack's cluster. Changing it replaces the profile and, with libvirt, the interfaces of this stack that refer to this resource. It is refused while another VM uses the profile.",
      { replaces: true },
    ),
    passThrough: withDefault(
      passThrough.schema,
      "disabled",
      "What interfaces are made of. It cannot change while a VM uses the profile, nor on oVirt once `failover` is set.",
    ),
    migratable: optional(
      z.boolean(),
      "Whether VMs with such a VF may be migrated. Only of passthrough profiles; a profile with `failover` needs it, and on oVirt keeps it.",
      { defaultText: "`false`", alwaysSet: true },
    ),
    failover: optional(
      z.string().min(1),
      "Id of the virtio profile of the standby, which carries the traffic while the VF is unplugged. Only for migratable passthrough profiles. On oVirt it can be changed but not cleared, except in the Administration Portal.",
      { refersTo: "VnicProfile", nullable: true, defaultText: "none" },
    ),
    portMirroring: withDefault(
      z.boolean(),
      false,
      "Whether the VM sees the network's other traffic. Not on passthrough profiles. With libvirt it is stored but has no effect.",
    ),
    networkFilter: optional(
      text,
      "Name of an nwfilter; on oVirt the name or id of a network filter of the engine. Not on passthrough profiles.",
      { defaultText: "none; on oVirt the engine's own for VM networks, which this then leaves alone" },
    ),
    qos: optional(
      text,
      "On oVirt the name or id of a QoS entry of the data center. Not on passthrough profiles. With libvirt it is stored but has no effect.",
      { defaultText: "none" },
    ),
    customProperties: withDefault(
      z.record(text, z.string()),
      {},
      "oVirt's custom device properties: those that its administrator allows. With libvirt they are stored but have no effect.",
    ),
    description: optional(z.string().max(4000), "Free text.", { defaultText: "none" }),
    adopt: optional(z.boolean(), "Takes over a profile of that name on that network that exists already.", {
      defaultText: "`false`, and such a profile is an error",
    }),
  },
  outputs: {
    differsOn: required(
      z.array(z.string()),
      "Hosts of the cluster on which the profile is missing or different, as of the last update or refresh. A host that did not answer gets the profile with the next `pulumi up`. Always empty on oVirt, where only the engine stores it.",
      { drift: true },
    ),
  },
});

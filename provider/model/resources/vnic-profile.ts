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
      "The logical network: as `vnic-failover:cluster` names it; on oVirt the name or id of one in the data center of the stack's cluster. A profile of another network is another profile: with it the interfaces of this stack that are given the profile itself are replaced (with libvirt). That is refused while any other VM uses it.",
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
      "Id of the virtio profile of the standby: what carries the traffic while the VF is away. Only of passthrough profiles that are migratable. On oVirt it can be changed, but not cleared (VnicProfileMapper.java), except in the Administration Portal.",
      { refersTo: "VnicProfile", nullable: true, defaultText: "none" },
    ),
    portMirroring: withDefault(
      z.boolean(),
      false,
      "Whether the VM sees the network's other traffic. Not on passthrough profiles. With libvirt it is written down, and nothing is mirrored.",
    ),
    networkFilter: optional(
      text,
      "Name of an nwfilter; on oVirt the name or id of a network filter of the engine. Not on passthrough profiles.",
      { defaultText: "none; on oVirt the engine's own for VM networks, which this then leaves alone" },
    ),
    qos: optional(
      text,
      "On oVirt the name or id of a QoS entry of the data center. Not on passthrough profiles. With libvirt it is written down, and limits nothing.",
      { defaultText: "none" },
    ),
    customProperties: withDefault(
      z.record(text, z.string()),
      {},
      "oVirt's custom device properties: those that its administrator allows. With libvirt they are written down only.",
    ),
    description: optional(z.string().max(4000), "For people.", { defaultText: "none" }),
    adopt: optional(z.boolean(), "Takes over a profile of that name on that network that exists already.", {
      defaultText: "`false`, and such a profile is an error",
    }),
  },
  outputs: {
    differsOn: required(
      z.array(z.string()),
      "Hosts of the cluster that lack the profile or have it otherwise, as of the last update or refresh: a host that did not answer gets it with the next `pulumi up`. Always empty on oVirt, where the engine alone keeps it.",
      { drift: true },
    ),
  },
});

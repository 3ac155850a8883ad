import type { VnicProfileInputs } from "../../../handlers/inputs/vnic-profile.js";
import type { VnicProfileState } from "../../../handlers/libvirt/vnic-profile.js";
import type { Internal } from "./internal.js";
import { boolean, listOf, mapOf, text, typeNamed, type EnumSpec, type Properties, type ResourceSpec } from "./spec.js";

export const PassThrough: EnumSpec = {
  description: "What interfaces of a profile are made of.",
  values: {
    enabled: "A virtual function (VF) of one of the network's physical functions.",
    disabled: "A virtio NIC on the network's bridge.",
  },
};

const inputs = {
  name: {
    ...text,
    description:
      "Unique on its network, at most 255 characters, without `/`. Default: the resource's name. Over libvirt it is the name of a libvirt network on every host.",
  },
  network: {
    ...text,
    description:
      "The logical network, as the configuration's `cluster` names it, or oVirt's. It never changes: a profile of another network is another profile.",
    willReplaceOnChanges: true,
  },
  passThrough: {
    ...typeNamed("PassThrough"),
    description: "`enabled`: interfaces get a VF of the network's PFs. `disabled`: a virtio NIC on its bridge.",
    default: "disabled",
  },
  migratable: {
    ...boolean,
    description:
      "Whether VMs with such a VF may be migrated. Only of passthrough profiles; a profile with `failover` needs it. Default `false`.",
  },
  failover: {
    ...text,
    description:
      "Id of the virtio profile of the standby: what carries the traffic while the VF is away. Only of passthrough profiles that are migratable.",
  },
  portMirroring: { ...boolean, description: "Not on passthrough profiles.", default: false },
  networkFilter: { ...text, description: "Name of an nwfilter. Not on passthrough profiles." },
  qos: { ...text, description: "Name of a QoS entry. Not on passthrough profiles." },
  customProperties: { ...mapOf(text), description: "oVirt's custom device properties. Default: none." },
  description: { ...text, description: "For people; at most 4000 characters." },
  adopt: {
    ...boolean,
    description: "Takes over a profile of that name on that network that exists already. Without, that is an error.",
  },
} satisfies Properties<keyof VnicProfileInputs>;

const outputs = {
  differsOn: {
    ...listOf(text),
    description: "Hosts of the cluster that lack the profile or have it otherwise, as of the last refresh.",
  },
} satisfies Properties<Exclude<keyof VnicProfileState, keyof VnicProfileInputs | Internal>>;

export const vnicProfileSpec: ResourceSpec = {
  description: `A vNIC profile, as oVirt has them: what an interface of that profile is made of.

A passthrough profile with a \`failover\` gives its interfaces two halves: a VF, and a standby of the failover profile that
carries the traffic while the VF is away, as in a live migration.

A profile that acts as another's failover cannot be changed: oVirt refuses it, and so does this provider, at preview.

## Import

By its id, or as \`network/name\`:

\`\`\`sh
pulumi import vnic-failover:index:VnicProfile fast data-vf/fast
\`\`\`
`,
  inputs,
  requiredInputs: ["network"],
  outputs,
  required: ["name", "network", "passThrough", "migratable", "portMirroring", "customProperties", "differsOn"],
};

import type { VmPlacementInputs } from "../../../handlers/inputs/vm-placement.js";
import type { VmPlacementState } from "../../../handlers/libvirt/vm-placement.js";
import type { MigrationOptions } from "../../../migration/options.js";
import type { Internal } from "./internal.js";
import {
  boolean,
  integer,
  listOf,
  number,
  text,
  typeNamed,
  type EnumSpec,
  type ObjectSpec,
  type Properties,
  type ResourceSpec,
} from "./spec.js";

export const Announce: EnumSpec = {
  description: "How the network learns where the guest's MAC is while the pair changes hands.",
  values: {
    probe:
      "A small program on the hosts asks for the guest's address with ARP while the pair changes hands: the guest's answers show every switch its port. Needs python3 and root on the hosts; without them, as `qemu`.",
    qemu: "QEMU announces the standby when the VF has gone.",
    none: "Nothing tells the network: it learns from what the guest sends.",
  },
};

export const Unplug: EnumSpec = {
  description: "When the VF leaves the guest.",
  values: {
    early: "Before libvirt's migration begins.",
    late: "As the migration's first act: QEMU takes it out itself, and plugs the destination's before the guest runs there.",
  },
};

export const Migration: ObjectSpec<keyof MigrationOptions> = {
  description:
    "How a move is made. What is left out has its default when the move begins. Over oVirt only `migrateTimeout` and `plugTimeout` count: its migration policy decides on the rest.",
  properties: {
    unplugTimeout: { ...number, description: "Seconds that the guest has to let go of a VF. Default 30." },
    migrateTimeout: { ...number, description: "Seconds for the migration; then it is aborted. Default 1800." },
    plugTimeout: {
      ...number,
      description: "Seconds for plugging a VF on the destination, and for the guest to use it. Default 30.",
    },
    bandwidth: { ...integer, description: "MiB/s. Default: no limit." },
    maxDowntime: {
      ...integer,
      description: "Milliseconds that the VM may stand still at the switch-over. Default: QEMU's, 300.",
    },
    autoConverge: {
      ...boolean,
      description: "Slows the guest down where it writes faster than the network carries. Default `false`.",
    },
    announce: {
      ...typeNamed("Announce"),
      description: "How the network learns where the guest is while the pair changes hands. Default `probe`.",
    },
    unplug: { ...typeNamed("Unplug"), description: "When the VF leaves the guest. Default `early`." },
    addresses: {
      ...listOf(text),
      description:
        "IPv4 addresses of the guest to ask for, at most 16. Default: those that the guest's own frames tell.",
    },
  },
};

const inputs = {
  vm: { ...text, description: "The VM's name; over oVirt its name or id.", willReplaceOnChanges: true },
  host: {
    ...text,
    description: "The host that the VM is to run on, as the configuration names it. Changing it moves the VM, live.",
  },
  migration: { ...typeNamed("Migration"), description: "How a move is made." },
} satisfies Properties<keyof VmPlacementInputs>;

const outputs = {
  vmId: {
    ...text,
    description:
      "The VM's UUID; on oVirt its id. What is declared is that VM's: another one that has its name is left alone, and an update refuses.",
  },
  lastMove: {
    ...typeNamed("MoveReport"),
    description:
      "What the last move did that this resource made, in at most 4 KiB: the file report has all of it. Absent: it has made none. Not told on oVirt.",
  },
  missing: {
    ...listOf(text),
    description: "VFs that the VM should have and has not, in words. Empty when nothing is; otherwise `up` mends it.",
  },
} satisfies Properties<Exclude<keyof VmPlacementState, keyof VmPlacementInputs | Internal>>;

export const vmPlacementSpec: ResourceSpec = {
  description: `Where a VM runs. A preview shows a move as \`host: "host1" => "host2"\` and refuses what cannot be; \`up\` makes it, live. Of a placement
that is new, too, it says so where the VM runs on another host. Deleting the resource leaves the VM where it is.
A VM has one placement: a second one is refused, in the program and, with libvirt, in another stack.
While the host is under maintenance (\`hosts.<name>.maintenance\`, on oVirt the engine's own mode) the placement rests: no diff, no move, and a line
says where the VM is.

A move that fails is taken back as far as it has not passed its switch-over, and the state says where the VM is.

## Import

By the VM's name:

\`\`\`sh
pulumi import vnic-failover:index:VmPlacement web web
\`\`\`
`,
  inputs,
  requiredInputs: ["vm", "host"],
  outputs,
  required: ["vm", "host", "missing"],
};

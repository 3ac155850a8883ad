import type { Rule } from "./rule.js";
import { listed, quoted } from "./wording.js";

/** What the VM's NICs are attached to on their host: libvirt wants it on the destination by the same name. */
export interface Attachment {
  /** The NIC, by its alias or MAC. */
  readonly nic: string;
  readonly kind: "bridge" | "network" | "interface";
  readonly name: string;
  /** `inactive`: a libvirt network that is defined and not started. */
  readonly state: "there" | "absent" | "inactive";
}

/** A NIC on a bridge that several networks have on its host, and not on the destination. */
export interface UnclearBridge {
  readonly nic: string;
  readonly bridge: string;
  readonly networks: readonly string[];
}

interface AttachmentFacts {
  readonly vm: { readonly name: string };
  readonly source?: { readonly name: string } | undefined;
  readonly destination: {
    readonly name: string;
    /** Those whose state there is known. */
    readonly attachments?: readonly Attachment[] | undefined;
    readonly unclearBridges?: readonly UnclearBridge[] | undefined;
  };
}

export const attachmentRules: readonly Rule<AttachmentFacts>[] = [
  {
    id: "move-nic-attachments",
    title: "The destination has each bridge, libvirt network and interface that a NIC of the VM is attached to",
    source:
      "libvirt: src/qemu/qemu_interface.c qemuInterfaceBridgeConnect, src/conf/domain_conf.c virDomainNetAllocateActualDevice",
    checkedAt: ["check", "preflight"],
    severity: "error",
    find: ({ vm, destination }) =>
      (destination.attachments ?? []).flatMap(({ nic, kind, name, state }) => {
        if (state === "there") return [];
        const what = `${kind === "network" ? "libvirt network" : kind} ${quoted(name)}`;
        return {
          property: "host",
          message:
            state === "inactive"
              ? `On host ${quoted(destination.name)}, ${what} is not started, which NIC ${quoted(nic)} of VM ${quoted(vm.name)} needs.`
              : `Host ${quoted(destination.name)} has no ${what}, which NIC ${quoted(nic)} of VM ${quoted(vm.name)} needs.`,
          remedy:
            state === "inactive"
              ? "Start the network there (virsh net-start), or choose another host."
              : `Add the ${kind} to the host, unplug the NIC, or choose another host.`,
        };
      }),
  },
  {
    id: "move-bridge-network-known",
    title: "It is known which bridge of the destination each virtio NIC of the VM goes to",
    source: "vnic-failover:cluster, networks.<name>.bridge and hosts.<name>.networks",
    checkedAt: ["check", "preflight"],
    severity: "error",
    find: ({ vm, source, destination }) =>
      (destination.unclearBridges ?? []).map(({ nic, bridge, networks }) => ({
        property: "vm",
        message: `NIC ${quoted(nic)} of VM ${quoted(vm.name)} is on bridge ${quoted(bridge)}, which is that of networks ${listed(networks)}${source === undefined ? "" : ` on host ${quoted(source.name)}`}. These have different bridges on host ${quoted(destination.name)}, and it is not known which of them the NIC is of.`,
        remedy: "Declare the NIC with its profile (VmInterface with adopt: true), or choose another host.",
      })),
  },
];

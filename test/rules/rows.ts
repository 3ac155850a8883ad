/** The rows that `npm run rules` prints. */
import { type RuleRow, rules } from "../../provider/rules/index.js";
import { storiesByRule } from "./locations.js";

export interface PrintedRow extends RuleRow {
  /** The files that gather its facts; those of oVirt's engine itself where only that looks at it. */
  readonly gatheredIn: readonly string[];
  /** The story that raises it by what those gather: `test/rules/reachable/FILE:LINE`; `none` without one. */
  readonly test: string;
}

/** By group. */
const gatherers: Readonly<Record<RuleRow["group"], readonly string[]>> = {
  profile: ["provider/handlers/libvirt/vnic-profile.ts", "provider/handlers/ovirt/vnic-profile.ts"],
  interface: ["provider/handlers/libvirt/interface-facts.ts", "provider/handlers/ovirt/vm-interface.ts"],
  teaming: ["provider/migration/teaming-facts.ts"],
  "migration-xml": ["provider/migration/teaming-facts.ts"],
  placement: [
    "provider/backends/libvirt/host-survey.ts",
    "provider/migration/facts.ts",
    "provider/migration/vm-facts.ts",
    "provider/migration/pair-networks.ts",
    "provider/migration/host-facts.ts",
    "provider/handlers/ovirt/placement-facts.ts",
  ],
  host: ["provider/backends/libvirt/host-survey.ts", "provider/cli/commands/libvirt/doctor-facts.ts"],
  engine: ["provider/cli/commands/ovirt/doctor.ts"],
};

/** Where they are not those of the group. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  "profile-custom-properties-defined": ["provider/backends/ovirt/rest/fault.ts"],
  "profile-removed-not-in-templates": ["provider/backends/ovirt/rest/fault.ts"],
  "placement-once-per-vm": ["provider/handlers/placement-owner.ts", "provider/handlers/libvirt/placement-note.ts"],
  "move-no-other-mover": ["provider/migration/plan.ts"],
  "move-guest-kernel": ["provider/backends/libvirt/guest-agent.ts", "provider/handlers/ovirt/placement-facts.ts"],
  "move-guest-kernel-tested": [
    "provider/backends/libvirt/guest-agent.ts",
    "provider/handlers/ovirt/placement-facts.ts",
  ],
  "move-guest-virtio-drivers": ["provider/backends/libvirt/guest-agent.ts"],
  "move-libvirt-accepts": ["provider/backends/libvirt/rehearsal.ts"],
  "move-libvirt-asked": ["provider/backends/libvirt/rehearsal.ts"],
  "move-disks-shared": ["provider/backends/libvirt/rehearsal.ts", "provider/migration/vm-facts.ts"],
  "move-disks-copied": ["provider/backends/libvirt/rehearsal.ts"],
  "move-memory": ["provider/backends/libvirt/host-memory.ts"],
  "move-memory-certain": ["provider/backends/libvirt/host-memory.ts"],
  "move-hugepages": ["provider/backends/libvirt/host-memory.ts", "provider/backends/libvirt/xml/memory-backing.ts"],
  "move-nic-attachments": ["provider/migration/destination-facts.ts"],
  "move-bridge-network-known": ["provider/migration/bridges.ts"],
  "move-pf-mtu": ["provider/migration/destination-facts.ts"],
  "move-tls-forced": ["provider/backends/libvirt/tls-forced.ts", "provider/backends/libvirt/rehearsal.ts"],
  "move-migration-port": ["provider/backends/libvirt/port-probe/port-probe.ts"],
  "move-migration-port-tried": ["provider/migration/destination-facts.ts"],
  "move-ignored-rules": ["provider/migration/facts.ts"],
  "move-vm-status": ["provider/handlers/ovirt/placement-facts.ts"],
  "move-host-up": ["provider/handlers/ovirt/placement-facts.ts"],
  "move-standby-network-in-cluster": ["provider/handlers/ovirt/placement-facts.ts"],
  "teaming-network-gives-hostdev": ["provider/backends/libvirt/network-types.ts"],
  "vm-starts-again": ["provider/backends/libvirt/start-survey.ts"],
};

export function printedRows(): readonly PrintedRow[] {
  const stories = storiesByRule();
  return rules.map((rule) => ({
    ...rule,
    gatheredIn: exceptions[rule.id] ?? gatherers[rule.group],
    test: stories.get(rule.id) ?? "none",
  }));
}

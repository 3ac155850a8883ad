/** The ways to move a VM that are compared. Pure data. */
export const wayNames = ["virtio-only", "libvirt-failover", "runbook", "ours", "ours-early", "ours-late"] as const;
export type WayName = (typeof wayNames)[number];

/** `ours` chooses by itself; with its strategy given it is compared only where it is asked for. */
export const usualWays: readonly WayName[] = ["virtio-only", "libvirt-failover", "runbook", "ours"];

/** For people. */
export const wayLabels: Readonly<Record<WayName, string>> = {
  "virtio-only": "virtio alone, no VF",
  "libvirt-failover": "libvirt's own failover",
  runbook: "a runbook with virsh",
  ours: "this package",
  "ours-early": "this package, early unplug",
  "ours-late": "this package, late unplug",
};

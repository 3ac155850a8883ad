import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";

const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", {
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: standby,
});
const nic = new VmInterface("web-nic", { vm: "web", profile: fast });

// Another host moves the VM, live.
const placement = new VmPlacement(
  "web",
  { vm: "web", host: "host2", migration: { maxDowntime: 200 } },
  { dependsOn: nic },
);

export const { host, lastMove } = placement;

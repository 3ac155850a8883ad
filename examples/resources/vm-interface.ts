import { VmInterface, VnicProfile } from "pulumi-vnic-failover";

const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", {
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: standby,
});

// Both devices of the pair, with one MAC.
const nic = new VmInterface("web-nic", { vm: "web", profile: fast });

export const { mac, vf } = nic;

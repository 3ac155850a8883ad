import { VnicProfile } from "pulumi-vnic-failover";

// The standby: a virtio NIC on the bridge of network "data".
const standby = new VnicProfile("data", { network: "data" });

// The VF, with the standby behind it.
export const fast = new VnicProfile("data-vf", {
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: standby,
});

import * as pulumi from "@pulumi/pulumi";
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";

const config = new pulumi.Config();
const vm = config.get("vm") ?? "web";

// The standby: a virtio NIC on the bridge of network "data". It carries the traffic while the VM moves.
const standby = new VnicProfile("data", { network: "data" });

// The VF, with the standby behind it.
const fast = new VnicProfile("data-vf", {
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: standby,
});

// One interface of the VM: both devices, with one MAC.
const nic = new VmInterface("nic", { vm, profile: fast, mac: config.get("mac") });

// Where the VM runs. Another host in the stack's configuration moves it, live.
const placement = new VmPlacement("placement", { vm, host: config.require("host") }, { dependsOn: nic });

export const mac = nic.mac;
export const host = placement.host;

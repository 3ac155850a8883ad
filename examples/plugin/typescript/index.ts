import * as pulumi from "@pulumi/pulumi";
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover-sdk";

const config = new pulumi.Config();
const vm = config.require("vm");

// The standby: a virtio NIC on the bridge of network "data".
const standby = new VnicProfile("data", { network: "data" });

// The VF, with the standby behind it.
const fast = new VnicProfile("data-vf", {
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: standby.id,
});

// One interface of the VM: both devices, with one MAC.
const nic = new VmInterface("nic", { vm, profile: fast.id });

// Where the VM runs.
const placement = new VmPlacement("placement", { vm, host: config.require("host") }, { dependsOn: nic });

export const mac = nic.mac;
export const host = placement.host;

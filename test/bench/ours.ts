/** Our own way of the move benchmark, run inside the lab's namespace: `prepare VM HOST` or `move VM HOST [early|late]`. */
import { randomUUID } from "node:crypto";
import { parseConfiguration } from "../../provider/config/index.js";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { plugInterface } from "../../provider/backends/libvirt/interfaces.js";
import { moveVm } from "../../provider/migration/move.js";
import { migrationOptionsSchema } from "../../provider/migration/options.js";
import type { ProfileRecord } from "../../provider/backends/libvirt/xml/network.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { requireLab } from "../lab/lab.js";
import { guestNamed } from "../lab/layout.js";

async function prepare(cluster: LibvirtCluster, vm: string, host: string): Promise<void> {
  const common = { portMirroring: false, customProperties: {} };
  const standby: ProfileRecord = {
    id: randomUUID(),
    name: "data",
    network: "data",
    passThrough: "disabled",
    migratable: false,
    ...common,
  };
  const profile: ProfileRecord = {
    id: randomUUID(),
    name: "data-vf",
    network: "data-vf",
    passThrough: "enabled",
    migratable: true,
    failover: standby.id,
    ...common,
  };
  await cluster.profiles.save(standby);
  await cluster.profiles.save(profile);
  const instance = await cluster.require(vm);
  if (instance.host.name !== host) throw new Error(`${vm} is not on ${host}.`);
  const record = {
    id: randomUUID(),
    profile: profile.id,
    standbyProfile: standby.id,
    mac: guestNamed(vm).mac,
    plugged: true,
    linked: true,
  };
  await plugInterface(cluster, instance, { record, profile, standby });
}

async function main([what, vm = "", host = "", unplug]: string[]): Promise<void> {
  const cluster = new LibvirtCluster(parseConfiguration({ cluster: clusterConfig(requireLab()) }));
  try {
    if (what === "prepare") {
      await prepare(cluster, vm, host);
      return;
    }
    const options = migrationOptionsSchema.parse(unplug === undefined ? {} : { unplug });
    // Connections that are open already are no part of a move: Pulumi's check has opened them before an update begins.
    await cluster.locations(vm);
    const began = Date.now();
    const report = await moveVm(cluster, { vm, to: host, options });
    console.log(JSON.stringify({ began, seconds: (Date.now() - began) / 1000, report }));
  } finally {
    await cluster.close();
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

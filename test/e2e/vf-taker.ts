/** A process of its own that takes a VF of the lab's host1 when it is told to, and returns it. */
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { takeVf } from "../../provider/backends/libvirt/interfaces.js";
import type { TakenVf } from "../../provider/backends/libvirt/vf-claims.js";
import { returnVf } from "../../provider/backends/libvirt/inventory.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";

const cluster = new LibvirtCluster(parseConfiguration({ cluster: process.env["VNIC_CLUSTER"] }));
const host = cluster.host("host1");
const profile = {
  id: "00000000-0000-4000-8000-0000000000f1",
  name: "data-vf",
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  portMirroring: false,
  customProperties: {},
} as const;
let taken: TakenVf | undefined;

async function act(word: unknown): Promise<string> {
  if (word === "take") {
    taken = await takeVf(cluster, host, { profile, vm: `vm-${process.pid}` });
    return formatPciAddress(taken.address);
  }
  if (taken !== undefined) {
    await returnVf(host, taken.address, taken.driver);
    await taken.unclaim();
  }
  taken = undefined;
  return "returned";
}

process.on("message", (word) => {
  if (word === "end") void cluster.close().then(() => process.exit(0));
  else
    act(word).then(
      (answer) => process.send?.({ answer }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
});
await host.connection();
process.send?.({ answer: "ready" });

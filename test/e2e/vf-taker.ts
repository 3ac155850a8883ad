/** A process of its own that takes a VF of the lab's host1 when it is told to, and returns it. */
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { takeVf } from "../../provider/backends/libvirt/vf-plugging.js";
import type { TakenVf } from "../../provider/backends/libvirt/vf-claims.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";

const cluster = new LibvirtCluster(parseConfiguration({ cluster: process.env["VNIC_CLUSTER"] }));
const host = cluster.host("host1");
let taken: TakenVf | undefined;

async function act(word: unknown): Promise<string> {
  if (word === "take") {
    taken = await takeVf(cluster, host, { network: "data-vf", vm: `vm-${process.pid}` });
    return formatPciAddress(taken.address);
  }
  await taken?.release();
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

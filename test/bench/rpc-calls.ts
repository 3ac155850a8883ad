/** The calls of the RPC benchmark, run inside the lab's namespace: `rpc-calls ROUNDS` prints the milliseconds of each round. */
import { parseConfiguration } from "../../provider/config/index.js";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { remoteCommand } from "../../provider/backends/libvirt/transport/index.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { requireLab } from "../lab/lab.js";

async function milliseconds(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

async function main([rounds]: string[]): Promise<void> {
  const cluster = new LibvirtCluster(parseConfiguration({ cluster: clusterConfig(requireLab()) }));
  try {
    const { host, dom } = await cluster.require("web");
    const ours = () => host.state(dom);
    const virsh = async () => {
      const answer = await host.command(remoteCommand`virsh -q -c qemu:///system domstate web`);
      if (answer?.stdout.trim() !== "running") throw new Error(`virsh said ${answer?.stdout ?? "nothing"}`);
    };
    const samples: { ours: number; virsh: number }[] = [];
    // Neither way's first call counts.
    await ours();
    await virsh();
    for (let round = 0; round < Number(rounds); round++)
      samples.push({ ours: await milliseconds(ours), virsh: await milliseconds(virsh) });
    console.log(JSON.stringify(samples));
  } finally {
    await cluster.close();
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

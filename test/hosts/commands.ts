/** Lets the in-process hosts run the one command that a move of a `<hostdev>` needs: a Unix socket has no way for commands. */
import { z } from "zod";
import type { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import type { LabLike } from "./two-hosts.js";

const task = z.object({ vf: z.string(), mac: z.string().optional(), vlan: z.number().optional() });

/** As vf-settings.py does it with `ip link`. */
export function runsCommands({ hosts }: Pick<LabLike, "hosts">, cluster: LibvirtCluster): void {
  for (const host of cluster.hosts) {
    const model = hosts.find(({ name }) => name === host.name);
    host.commands = () => Promise.resolve(() => Promise.reject(new Error("nothing is started here")));
    host.command = (_, stdin = "") => {
      if (stdin === "") return Promise.resolve({ code: 127, stdout: "", stderr: "not found" });
      const { vf: address, mac, vlan } = task.parse(JSON.parse(stdin));
      const vf = model?.devices.functionAt(address)?.vf;
      if (vf === undefined) return Promise.resolve({ code: 1, stdout: "", stderr: `no VF ${address}` });
      if (mac !== undefined) vf.settings = { mac, vlan: vlan ?? 0 };
      const { settings = { mac: "00:00:00:00:00:00", vlan: 0 } } = vf;
      return Promise.resolve({ code: 0, stdout: JSON.stringify(settings), stderr: "" });
    };
  }
}

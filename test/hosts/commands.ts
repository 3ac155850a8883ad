/**
 * Lets the in-process hosts run the commands that set a `<hostdev>`, try the migration port, and tell their memory: a Unix socket has no way for
 * commands.
 */
import { z } from "zod";
import type { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import type { LabLike } from "./two-hosts.js";

const probe = z.object({ address: z.string(), port: z.number() });
const task = z.object({ vf: z.string(), mac: z.string().optional(), vlan: z.number().optional() });

/** As vf-settings.py does it with `ip link`. */
export function runsCommands({ hosts }: Pick<LabLike, "hosts">, cluster: LibvirtCluster): void {
  for (const host of cluster.hosts) {
    const model = hosts.find(({ name }) => name === host.name);
    host.commands = () => Promise.resolve(() => Promise.reject(new Error("nothing is started here")));
    host.command = ({ text }, stdin = "") => {
      if (text === "cat /proc/meminfo") {
        const stdout = `MemTotal:       16384000 kB\nMemAvailable:    ${model?.availableMemoryKiB ?? 0} kB\n`;
        return Promise.resolve({ code: 0, stdout, stderr: "" });
      }
      if (stdin === "") return Promise.resolve({ code: 127, stdout: "", stderr: "not found" });
      const tried = probe.safeParse(JSON.parse(stdin)).data;
      if (tried !== undefined) {
        const answer = model?.network.answerAt(host.name, tried.address) ?? {
          outcome: "no route",
          why: "No route to host",
        };
        return Promise.resolve({ code: 0, stdout: JSON.stringify(answer), stderr: "" });
      }
      const { vf: address, mac, vlan } = task.parse(JSON.parse(stdin));
      const vf = model?.devices.functionAt(address)?.vf;
      if (vf === undefined) return Promise.resolve({ code: 1, stdout: "", stderr: `no VF ${address}` });
      if (mac !== undefined) vf.settings = { mac, vlan: vlan ?? 0 };
      const { settings = { mac: "00:00:00:00:00:00", vlan: 0 } } = vf;
      return Promise.resolve({ code: 0, stdout: JSON.stringify(settings), stderr: "" });
    };
  }
}

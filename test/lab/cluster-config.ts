/** The lab's hosts as a stack's configuration names them. */
import type { z } from "zod";
import type { clusterSchema } from "../../provider/config/index.js";
import type { LabState } from "./lab.js";
import { bridge, hosts, physicalFunction } from "./layout.js";

/** The guest's network: `data` is the standby's bridge, `data-vf` the PF beside it. */
export function clusterConfig(lab: LabState): z.input<typeof clusterSchema> {
  const { key, knownHosts } = lab.image;
  return {
    hosts: Object.fromEntries(
      hosts.map(({ name, address, migrationAddress }) => [
        name,
        { uri: `qemu+ssh://root@${address}/system?keyfile=${key}&known_hosts=${knownHosts}`, migrationAddress },
      ]),
    ),
    networks: { data: { bridge, mtu: 1500 }, "data-vf": { physicalFunctions: [physicalFunction] } },
  };
}

/** getFreeVfs: what a host has left for interfaces of a network. */
import { isFree } from "../../backends/libvirt/inventory.js";
import { physicalFunctionsOf } from "../../backends/libvirt/network-vfs.js";
import { freeVirtualFunctions, lookUpHost } from "../../backends/ovirt/rest/index.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import { idNamed, readEngine } from "../ovirt/cluster-view.js";
import { engineOf } from "../ovirt/session.js";
import { clusterOf } from "../libvirt/session.js";
import { functionTypes } from "../../model/functions.js";
import type { GetFreeVfsArgs, GetFreeVfsResult } from "../../model/values.js";
import type { ClusterFunction } from "./function.js";

export const getFreeVfs: ClusterFunction<GetFreeVfsArgs, GetFreeVfsResult> = {
  args: functionTypes.getFreeVfs.args.schema,
  over: {
    async libvirt(ctx, { host, network }) {
      const cluster = clusterOf(ctx);
      const functions = await physicalFunctionsOf(cluster, cluster.host(host), network);
      const vfs = functions
        .filter(({ linkUp }) => linkUp)
        .flatMap(({ virtualFunctions }) => virtualFunctions)
        .filter(isFree)
        .map(({ address }) => formatPciAddress(address));
      return { host, network, count: vfs.length, vfs };
    },
    async ovirt(ctx, args) {
      const engine = engineOf(ctx);
      const [host, { networks }] = await Promise.all([
        lookUpHost(engine.client, args.host),
        readEngine(engine, undefined),
      ]);
      const network = idNamed("network", networks, args.network);
      const vfs = (await freeVirtualFunctions(engine.client, host.id, network)).map(({ name }) => name);
      return { host: host.name, network: args.network, count: vfs.length, vfs };
    },
  },
};

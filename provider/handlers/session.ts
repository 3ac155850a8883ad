/** One cluster a process and configuration: all resources of a `pulumi` command share its connections. */
import { parseConfiguration } from "../config.js";
import { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { HandlerContext } from "./handler.js";
import { onShutdown } from "./shutdown.js";

const clusters = new Map<string, LibvirtCluster>();

/** @throws ConfigError */
export function clusterOf({ config }: Pick<HandlerContext, "config">): LibvirtCluster {
  const key = JSON.stringify(config);
  let cluster = clusters.get(key);
  if (cluster === undefined) {
    cluster = new LibvirtCluster(parseConfiguration(config));
    clusters.set(key, cluster);
    onShutdown(() => cluster?.close());
  }
  return cluster;
}

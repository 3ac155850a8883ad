/** One cluster a process and configuration: all resources of a `pulumi` command share its connections. */
import { parseConfiguration } from "../../config/index.js";
import { LibvirtCluster } from "../../backends/libvirt/cluster.js";
import { ClusterCache } from "../../backends/libvirt/cluster-cache.js";
import { PerCommand } from "../command-scope.js";
import { digestOf } from "../config-digest.js";
import type { HandlerContext } from "../handler.js";
import { onShutdown } from "../shutdown.js";

const clusters = new Map<string, LibvirtCluster>();
/** The same again, by the object itself: a command asks with one object a thousand times. */
let clusterOfObject = new WeakMap<HandlerContext["config"], LibvirtCluster>();

/** @throws ConfigError */
export function clusterOf({ config }: Pick<HandlerContext, "config">): LibvirtCluster {
  const cluster = clusterOfObject.get(config) ?? clusterOfText(config);
  clusterOfObject.set(config, cluster);
  return cluster;
}

function clusterOfText(config: HandlerContext["config"]): LibvirtCluster {
  const key = digestOf(config);
  const open = clusters.get(key);
  if (open !== undefined) return open;
  const cluster = new LibvirtCluster(parseConfiguration(config));
  clusters.set(key, cluster);
  onShutdown(() => {
    // A program that asks again later gets another one, which is closed in its turn.
    clusters.delete(key);
    clusterOfObject = new WeakMap();
    return cluster.close();
  });
  return cluster;
}

const caches = new PerCommand(() => new Map<LibvirtCluster, ClusterCache>());

/** What the hosts say, each asked once in a command. */
export function clusterCacheOf(ctx: Pick<HandlerContext, "config" | "command">): ClusterCache {
  const cluster = clusterOf(ctx);
  const ofCommand = caches.of(ctx);
  const cache = ofCommand.get(cluster) ?? new ClusterCache(cluster);
  ofCommand.set(cluster, cache);
  return cache;
}

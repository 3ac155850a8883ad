/** The cluster that docs/scale.md speaks of: 500 hosts with 40 VMs each. */
import type { Scenario } from "./rolling-drain.js";

export const fiveHundredHosts: Scenario = {
  seed: 1,
  hosts: 500,
  vmsPerHost: 40,
  // 40 VMs of 14 GiB on average take 560 GiB of 768.
  hostMemoryMiB: 768 * 1024,
  // 60 of 64 VFs are taken: what a host has free is what four of its neighbours' VMs need.
  vfs: { pf0: 32, pf1: 32 },
  networks: { data: ["pf0", "pf1"], storage: ["pf1"] },
  sizes: [
    { memoryMiB: 8 * 1024, pairs: ["data"] },
    { memoryMiB: 16 * 1024, pairs: ["data", "storage"] },
    { memoryMiB: 24 * 1024, pairs: ["data", "storage"] },
    { memoryMiB: 8 * 1024, pairs: ["data"] },
  ],
  hostsAtOnce: 1,
  outgoing: 2,
  incoming: 2,
  // 10 Gbit/s, of which a tenth goes to headers and others.
  linkMiBs: 1070,
  moveMiBs: Infinity,
  failureRate: 0.02,
  maintenance: 15 * 60,
};

/** Moves by hosts' names, of which an SSH configuration alone knows where they are. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { LabState } from "../lab/lab.js";
import { hosts, running, type LabHost } from "../lab/layout.js";
import { configure, host1, host2, moves } from "./site.js";

const sshConfig = join(running, "site.config");

/**
 * @param query of both hosts' URIs.
 * @param jump whether host2 is reached through host1.
 */
export async function movesBySsh(lab: LabState, to: LabHost, query: string, jump: boolean): Promise<void> {
  const lines = [
    ...hosts.flatMap(({ name, address }) => [`Host ${name}`, `  HostName ${address}`]),
    ...(jump ? [`Host ${host2.name}`, `  ProxyJump ${host1.name}`] : []),
    "Host *",
    "  User root",
    `  IdentityFile ${lab.image.key}`,
    `  UserKnownHostsFile ${lab.image.knownHosts}`,
    "  GlobalKnownHostsFile none",
  ];
  writeFileSync(sshConfig, `${lines.join("\n")}\n`);
  configure(lab, (cluster) => ({
    ...cluster,
    sshConfig,
    hosts: Object.fromEntries(
      Object.entries(cluster.hosts).map(([name, host]) => [
        name,
        { ...host, uri: `qemu+ssh://${name}/system${query}` },
      ]),
    ),
  }));
  const { answer, text } = await moves(lab, to);
  // The announcer goes the same way.
  expect(answer, text).toMatchObject({ report: { announced: { by: "probe" } } });
}

/** Real SSH servers behind a jump host, and the system's own ssh: a move by each. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { prepare } from "../faults/strike.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { run } from "../lab/command.js";
import { requireLab, type LabState } from "../lab/lab.js";
import { hostNamed, hosts, running } from "../lab/layout.js";
import { inNamespace } from "../lab/network.js";
import { domainXml, labSkipped } from "./lab.js";

const clusterFile = join(running, "ssh-ways.json");
const sshConfig = join(running, "ssh-ways.config");

describe.skipIf(labSkipped !== undefined)("a move over SSH as people have it", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
  });

  test.each([
    ["through a jump host", "host1", "host2", "", "jump"],
    ["by the system's ssh, through a jump host", "host2", "host1", "?command=ssh", "jump"],
    ["by the system's ssh", "host1", "host2", "?command=ssh", "direct"],
  ])("%s", async (_, from, to, query, way) => {
    configure(query, way === "jump");
    const answer = await cli("migrate", "web", "--to", to);
    // The announcer goes the same way.
    expect(answer).toMatchObject({ outcome: "moved", report: { from, to, announced: { by: "probe" } } });
    expect(await domainXml(lab, hostNamed(to), "web")).toMatch(/<teaming type='transient'/);
  });

  /** The hosts by their names, of which only the SSH configuration knows where they are. */
  function configure(query: string, jump: boolean): void {
    const [first, second] = hosts;
    if (first === undefined || second === undefined) expect.fail("the lab has two hosts");
    const lines = [
      ...hosts.flatMap(({ name, address }) => [`Host ${name}`, `  HostName ${address}`]),
      ...(jump ? [`Host ${second.name}`, `  ProxyJump ${first.name}`] : []),
      "Host *",
      "  User root",
      `  IdentityFile ${lab.image.key}`,
      `  UserKnownHostsFile ${lab.image.knownHosts}`,
      "  GlobalKnownHostsFile none",
    ];
    writeFileSync(sshConfig, `${lines.join("\n")}\n`);
    const cluster = clusterConfig(lab);
    const reached = hosts.map(({ name }) => [
      name,
      { ...cluster.hosts[name], uri: `qemu+ssh://${name}/system${query}` },
    ]);
    writeFileSync(clusterFile, JSON.stringify({ ...cluster, sshConfig, hosts: Object.fromEntries(reached) as object }));
  }

  async function cli(...args: string[]): Promise<unknown> {
    const program = join(root, "dist/cli/main.js");
    const [command, argv] = inNamespace([process.execPath, program, ...args, "--json", "--config", clusterFile]);
    const { stdout } = await run(command, argv, { cwd: running, accept: [0, 1, 2, 3, 4] });
    return JSON.parse(stdout) as unknown;
  }
});

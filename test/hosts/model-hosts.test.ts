/** `npm run model-hosts` in a process of its own, and the real command line and the real engine against it. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import type { z } from "zod";
import { metadataNamespace } from "../../provider/backends/libvirt/xml/metadata.js";
import { root } from "../../toolchain/pulumi.js";
import { withStack } from "../pulumi/stack.js";
import { fast, nic, placement, program, standby as standbyProfile } from "../scenarios/declarations.js";
import { domainXml, vfs, vm } from "./two-hosts.js";
import type { scenarioSchema } from "./scenario.js";
import type { HostsState } from "./state.js";

const TIMEOUT = 120_000;
const scratch = mkdtempSync(join(tmpdir(), "model-hosts-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A scenario as it is written. */
type Written = z.input<typeof scenarioSchema>;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Served {
  readonly config: string;
  state(): HostsState;
  /** `vnic-failover … --config CLUSTER.json`. */
  cli(...args: readonly string[]): Promise<Run>;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const script = ["--import", "tsx", join(root, "test", "hosts", "main.ts")];
const reports = { VNIC_FAILOVER_REPORTS: join(scratch, "reports") };
let count = 0;

function scenarioFile(scenario: unknown): string {
  const file = join(scratch, `scenario-${(count += 1)}.json`);
  writeFileSync(file, typeof scenario === "string" ? scenario : JSON.stringify(scenario));
  return file;
}

/** Starts the script and waits until it says that it is ready. */
async function serve(scenario?: Written): Promise<Served> {
  const config = join(scratch, `cluster-${(count += 1)}.json`);
  const stateFile = join(scratch, `state-${count}.json`);
  const given = scenario === undefined ? [] : ["--scenario", scenarioFile(scenario)];
  const child = spawn(process.execPath, [...script, ...given, "--config", config, "--state", stateFile], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const names = Object.keys((JSON.parse(readFileSync(config, "utf8")) as { hosts: object }).hosts);
  expect(line.toString()).toBe(`Serving ${names.join(", ")}. Cluster configuration: ${config}\n`);
  return {
    config,
    state: () => JSON.parse(readFileSync(stateFile, "utf8")) as HostsState,
    cli: (...args) => run(["--import", "tsx", join(root, "provider", "cli", "main.ts"), ...args, "--config", config]),
    async end(signal) {
      const ended = once(child, "exit") as Promise<[number | null]>;
      child.kill(signal);
      return (await ended)[0];
    },
  };
}

function run(args: readonly string[]): Promise<Run> {
  const env = { ...process.env, ...reports };
  return new Promise((resolve) =>
    execFile(process.execPath, args, { cwd: root, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr }),
    ),
  );
}

const standby = `<interface type='bridge'><mac address='${vm.mac}'/><source bridge='br0'/><model type='virtio'/><teaming type='persistent'/><alias name='ua-backup0'/><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></interface>`;
const primary = `<interface type='hostdev'><mac address='${vm.mac}'/><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source><teaming type='transient' persistent='ua-backup0'/><alias name='ua-vf0'/><address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/></interface>`;
const paired = domainXml(vm, standby + primary);
const webPaired = { live: paired, definition: paired };

describe("the hosts", () => {
  it(
    "of an empty scenario are the lab's, at sockets of their own, and are gone at the end",
    { timeout: TIMEOUT },
    async () => {
      const served = await serve();
      const { hosts } = served.state();
      expect(Object.keys(hosts)).toEqual(["host1", "host2"]);
      expect(hosts["host1"]).toMatchObject({
        reachable: true,
        domains: { web: { uuid: vm.uuid, state: "running", autostart: false, metadata: {} } },
        virtualFunctions: { [vfs[0]]: { driver: "igbvf", usedBy: null } },
      });
      expect(hosts["host2"]?.domains).toEqual({});
      expect(statSync(served.config).mode & 0o777).toBe(0o600);
      expect(await served.cli("doctor")).toMatchObject({ code: 0 });
      const [, socket = ""] = /socket=([^"]+)/.exec(readFileSync(served.config, "utf8")) ?? [];
      expect(existsSync(socket)).toBe(true);
      expect(await served.end("SIGTERM")).toBe(0);
      expect([existsSync(served.config), existsSync(socket)]).toEqual([false, false]);
    },
  );

  it("take a VM with its pair from one to the other, and the state tells it", { timeout: TIMEOUT }, async () => {
    const served = await serve({ hosts: { host1: { domains: [webPaired] }, host2: {} } });
    expect(served.state().hosts["host1"]?.virtualFunctions[vfs[0]]).toEqual({ driver: "vfio-pci", usedBy: "web" });
    const before = served.state();
    expect(await served.cli("plan", "web", "--to", "host2")).toMatchObject({ code: 0 });
    expect(served.state()).toEqual(before);

    const moved = await served.cli("migrate", "web", "--to", "host2");
    expect(moved).toMatchObject({ code: 0 });
    const { host1, host2 } = served.state().hosts;
    expect(host1?.domains).toEqual({});
    expect(host1?.virtualFunctions[vfs[0]]).toEqual({ driver: "igbvf", usedBy: null });
    expect(host2?.domains).toMatchObject({ web: { state: "running", metadata: {} } });
    expect(host2?.virtualFunctions[vfs[0]]).toEqual({ driver: "vfio-pci", usedBy: "web" });
    const { live, definition } = host2?.domains["web"] ?? {};
    for (const xml of [live, definition]) expect(xml).toMatch(/teaming type="transient" persistent="ua-backup0"/);

    expect(await served.cli("drain", "host2", "--yes")).toMatchObject({ code: 0 });
    expect(await served.cli("recover")).toMatchObject({ code: 0 });
    expect((await served.cli("status")).stdout).toMatch(/web +running +host1/);
    expect(await served.end("SIGINT")).toBe(0);
  });

  it("carry a Pulumi program's interface and its move", { timeout: 480_000 }, async () => {
    const served = await serve();
    const config = { "vnic-failover:cluster": JSON.parse(readFileSync(served.config, "utf8")) as unknown };
    const pair = [standbyProfile, fast, nic()] as const;
    await withStack({ program: program(...pair, placement("host1")), config, env: reports }, async (stack) => {
      const before = served.state();
      expect(await stack.preview()).toMatchObject({ exitCode: 0 });
      expect(served.state()).toEqual(before);
      expect(await stack.up()).toMatchObject({ exitCode: 0 });
      const { networks = {}, domains } = served.state().hosts["host1"] ?? {};
      expect(Object.keys(networks).toSorted()).toEqual(["data", "data-vf"]);
      expect(Object.values(domains?.["web"]?.metadata ?? {}).join("")).toContain("interfaces");

      stack.write(program(...pair, placement("host2")));
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      const { host1, host2 } = served.state().hosts;
      expect(host1?.domains).toEqual({});
      expect(Object.values(host1?.virtualFunctions ?? {}).map(({ driver }) => driver)).not.toContain("vfio-pci");
      expect(host2?.virtualFunctions[vfs[0]]).toEqual({ driver: "vfio-pci", usedBy: "web" });
      expect(host2?.domains["web"]?.metadata).not.toHaveProperty([metadataNamespace("journal")]);
    });
  });

  it("refuse what they are told to, so many times", { timeout: TIMEOUT }, async () => {
    const message = "internal error: cannot set up guest memory";
    const refuse = [{ procedure: "domain_migrate_prepare3_params", code: "INTERNAL_ERROR", message, times: 1 }];
    const served = await serve({ hosts: { host1: { domains: [webPaired] }, host2: { refuse } } });
    const refused = await served.cli("migrate", "web", "--to", "host2");
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stdout + refused.stderr).toContain(message);
    expect(served.state().hosts["host1"]?.domains).toMatchObject({ web: { state: "running", metadata: {} } });
    expect(await served.cli("migrate", "web", "--to", "host2")).toMatchObject({ code: 0 });
  });

  it.each([
    ["before", "domain_migrate_finish3_params", undefined],
    // What has taken over is not on its disk yet.
    ["after", "domain_migrate_finish3_params", undefined],
    ["after", "domain_set_metadata", "shutoff"],
  ] as const)(
    "lose power %s a call was carried out (%s), and stay away",
    { timeout: TIMEOUT },
    async (moment, procedure, left) => {
      const diesAt = { procedure, occurrence: 1, moment };
      const served = await serve({ hosts: { host1: { domains: [webPaired] }, host2: { diesAt } } });
      expect((await served.cli("migrate", "web", "--to", "host2")).code).not.toBe(0);
      const { host1, host2 } = served.state().hosts;
      expect(host2?.reachable).toBe(false);
      expect(host2?.domains["web"]?.state).toBe(left);
      expect(host1?.domains["web"]?.state).toBe(left === undefined ? "paused" : "shutoff");
      expect((await served.cli("doctor")).stdout).toContain('Unable to reach host "host2"');
    },
  );

  it("that cannot be reached have no socket, and what runs on them goes on", { timeout: TIMEOUT }, async () => {
    const served = await serve({ hosts: { host1: { domains: [webPaired] }, host2: { reachable: false } } });
    expect((await served.cli("migrate", "web", "--to", "host2")).code).toBe(1);
    expect(served.state().hosts).toMatchObject({ host1: { reachable: true }, host2: { reachable: false } });
  });
});

describe("the script", () => {
  it.each<[string, unknown, RegExp]>([
    [
      "a key that it does not know",
      { hosts: { host1: { bridgs: [] } } },
      /hosts\.host1\.bridgs is an unknown key; did you mean "bridges"\? Known are bridges, /,
    ],
    ["what is no JSON", "{", /is not JSON/],
    [
      "a network that is none",
      { networks: { data: { bridge: "br0", mtu: 1 } } },
      /networks\.data\.mtu must be at least 68/,
    ],
  ])("refuses %s, and starts nothing", { timeout: TIMEOUT }, async (_, scenario, expected) => {
    const config = join(scratch, `cluster-${(count += 1)}.json`);
    const refused = await run([...script, "--scenario", scenarioFile(scenario), "--config", config]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(expected);
    expect(existsSync(config)).toBe(false);
  });
});

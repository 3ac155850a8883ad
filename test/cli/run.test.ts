import { PassThrough } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { run, type Surroundings } from "../../provider/cli/run.js";
import { commandLine } from "../../provider/cli/program.js";
import { drain } from "../../provider/cli/commands/libvirt/drain.js";
import { undoDrain } from "../../provider/cli/commands/libvirt/drain-undo.js";
import { migrate } from "../../provider/cli/commands/libvirt/migrate.js";
import { recoverVms } from "../../provider/cli/commands/libvirt/recover.js";
import { status } from "../../provider/cli/commands/libvirt/status.js";
import { ConfigError } from "../../provider/config/index.js";
import { ProblemError } from "../../provider/model/problem.js";
import { libvirtCommands } from "../../provider/cli/commands/index.js";
import { clusterOf } from "./command-context.js";

vi.mock(import("../../provider/cli/commands/libvirt/drain.js"), () => ({ drain: vi.fn() }));
vi.mock(import("../../provider/cli/commands/libvirt/drain-undo.js"), () => ({ undoDrain: vi.fn() }));
vi.mock(import("../../provider/cli/commands/libvirt/migrate.js"), () => ({ migrate: vi.fn() }));
vi.mock(import("../../provider/cli/commands/libvirt/recover.js"), () => ({ recoverVms: vi.fn() }));
vi.mock(import("../../provider/cli/commands/libvirt/status.js"), () => ({ status: vi.fn() }));

const ok = { outcome: "ok", document: { vms: [] }, text: "No VMs." } as const;

beforeEach(() => {
  vi.mocked(status).mockReset().mockResolvedValue(ok);
  vi.mocked(drain).mockReset().mockResolvedValue(ok);
  vi.mocked(undoDrain).mockReset().mockResolvedValue(ok);
  vi.mocked(migrate)
    .mockReset()
    .mockResolvedValue({ ...ok, outcome: "moved" });
  vi.mocked(recoverVms).mockReset().mockResolvedValue(ok);
});

async function ran(line: string, over: Partial<Surroundings> = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const cluster = clusterOf("host1", "host2");
  const readConfiguration = vi.fn(() =>
    Promise.resolve({ cluster: { hosts: {}, networks: {}, hostCommands: true }, credentials: {} }),
  );
  const code = await run(line.split(" ").filter(Boolean), {
    stdout,
    stderr,
    stdin: new PassThrough(),
    readConfiguration,
    connect: () => libvirtCommands(cluster),
    ...over,
  });
  stdout.end();
  stderr.end();
  return { code, out: await textOf(stdout), err: await textOf(stderr), cluster, readConfiguration };
}

const documentIn = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe("an answer", () => {
  test("is printed for people", async () => {
    const { code, out, err, cluster } = await ran("status");
    expect({ code, out, err }).toEqual({ code: 0, out: "No VMs.\n", err: "" });
    // eslint-disable-next-line @typescript-eslint/unbound-method -- a mock
    expect(cluster.close).toHaveBeenCalledOnce();
  });

  test("is one JSON document with --json, before or after the command", async () => {
    for (const line of ["--json status", "status --json"]) {
      const { out, err } = await ran(line);
      expect(documentIn(out)).toEqual({ schemaVersion: 1, command: "status", outcome: "ok", exitCode: 0, vms: [] });
      expect(err).toBe("");
    }
  });

  test("sets the exit code, and its errors go where people look for them", async () => {
    vi.mocked(recoverVms).mockResolvedValue({ ...ok, outcome: "unclear", errors: [new Error("half done")] });
    const plain = await ran("recover web --now");
    expect(plain.code).toBe(4);
    expect(plain.out).toBe("No VMs.\n");
    expect(plain.err).toBe(
      "vnic-failover: half done This error is unexpected: run the command again with --debug, and report it.\n",
    );
    expect(vi.mocked(recoverVms).mock.lastCall?.[1]).toMatchObject({ vm: "web", now: true });
    expect(documentIn((await ran("recover --json")).out)).toMatchObject({
      outcome: "unclear",
      exitCode: 4,
      errors: [{ code: "unexpected", message: "half done" }],
    });
  });

  test("can't write to the terminal what a host has made up", async () => {
    vi.mocked(status).mockResolvedValue({ ...ok, text: "web\u001b]0;owned\u0007\nnext" });
    expect((await ran("status")).out).toBe("web?]0;owned?\nnext\n");
  });
});

describe("an error", () => {
  const problem = new ProblemError({ code: "host-unknown", what: "Unable to find host", remedy: "Name another." });

  test("is one paragraph, with its stack only if asked for", async () => {
    vi.mocked(status).mockRejectedValue(problem);
    const { code, err } = await ran("status");
    expect({ code, err }).toEqual({ code: 1, err: "vnic-failover: Unable to find host. Name another.\n" });
    expect((await ran("status --debug")).err).toContain("run.test.ts");
  });

  test("is in the document with --json, and nothing is on stderr", async () => {
    vi.mocked(status).mockRejectedValue(problem);
    const { out, err } = await ran("status --json");
    expect(documentIn(out)).toMatchObject({
      command: "status",
      outcome: "refused",
      exitCode: 1,
      errors: [{ ...problem.problem, message: problem.message }],
    });
    expect(err).toBe("");
  });

  test("that is unexpected leaves a move unclear, and a look at things refused", async () => {
    vi.mocked(migrate).mockRejectedValue(new TypeError("x"));
    vi.mocked(status).mockRejectedValue(new TypeError("x"));
    expect((await ran("migrate web --to host2")).code).toBe(4);
    expect((await ran("status")).code).toBe(1);
  });

  test("in the configuration refuses, and connects to nothing", async () => {
    const { code, err } = await ran("migrate web --to host2", {
      readConfiguration: () => Promise.reject(new ConfigError({ code: "config-missing", what: "There is no cluster" })),
      connect: () => expect.fail("it connected"),
    });
    expect({ code, err }).toEqual({ code: 1, err: "vnic-failover: There is no cluster.\n" });
  });
});

describe("arguments", () => {
  test.each([
    ["migrate web", /required option '--to <host>' not specified/],
    ["migrate --to host2", /missing required argument 'vm'/],
    ["migrate web --to host2 --bandwidth fast", /It must be a number/],
    ["migrate web --to host2 --announce loudly", /Allowed choices are probe, qemu, none/],
    ["drain host1 --concurrency 0", /at least 1/],
    ["drain", /missing required argument 'host'/],
    ["drain host1 --undo drain.json", /cannot be used with a host/],
    ["drain --undo drain.json --to host2", /cannot be used with option '--to/],
    ["status --bogus", /unknown option '--bogus'/],
    ["moove web", /unknown command 'moove'/],
  ])("%s is refused with code 1", async (line, message) => {
    const { code, out, err } = await ran(line);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(message);
    const json = await ran(`${line} --json`);
    expect(json).toMatchObject({ code: 1, err: "" });
    expect(documentIn(json.out)).toMatchObject({ outcome: "refused", errors: [{ code: "usage" }] });
  });

  test("of a drain go to it, or to its undoing", async () => {
    await ran("drain host1 --to host2 host3 --concurrency 3 --incoming 1 --dry-run --stack prod");
    expect(vi.mocked(drain).mock.lastCall?.[0]).toMatchObject({ configuration: { stack: "prod" } });
    expect(vi.mocked(drain).mock.lastCall?.[1]).toMatchObject({
      host: "host1",
      to: ["host2", "host3"],
      concurrency: 3,
      incoming: 1,
      dryRun: true,
      confirmed: false,
    });
    await ran("drain --undo drain-host1.json --yes --plug-timeout 7");
    expect(vi.mocked(undoDrain).mock.lastCall?.[1]).toMatchObject({
      file: "drain-host1.json",
      concurrency: 1,
      dryRun: false,
      confirmed: true,
      options: { plugTimeout: 7 },
    });
    expect(vi.mocked(drain)).toHaveBeenCalledOnce();
  });

  test("of a move go to it as options", async () => {
    await ran(
      "migrate web --to host2 --unplug-timeout 5 --migrate-timeout 60.5 --plug-timeout 7 --bandwidth 100 --max-downtime 50 --auto-converge --tls --announce qemu --unplug late --non-shared-storage copy --ignore-rule move-memory move-mtu --address 10.0.0.1 10.0.0.2 --report-dir /tmp/r",
    );
    expect(vi.mocked(migrate).mock.lastCall?.[1]).toEqual({
      vm: "web",
      to: "host2",
      reportDir: "/tmp/r",
      options: {
        nonSharedStorage: "copy",
        ignoreRules: ["move-memory", "move-mtu"],
        unplugTimeout: 5,
        migrateTimeout: 60.5,
        plugTimeout: 7,
        bandwidth: 100,
        maxDowntime: 50,
        autoConverge: true,
        tls: true,
        announce: "qemu",
        unplug: "late",
        addresses: ["10.0.0.1", "10.0.0.2"],
      },
      given: [
        "unplugTimeout",
        "migrateTimeout",
        "plugTimeout",
        "bandwidth",
        "maxDowntime",
        "autoConverge",
        "tls",
        "announce",
        "unplug",
        "nonSharedStorage",
        "ignoreRules",
        "addresses",
      ],
    });
  });

  test.each([
    ["--unplug-timeout -3", /--unplug-timeout must be more than 0/],
    ["--address host", /--address is not a valid IPv4 address/],
    ["--bandwidth 1.5", /--bandwidth must be a whole number\b/],
  ])("of a move: %s is refused by its flag", async (flags, message) => {
    const { code, err } = await ran(`migrate web --to host2 ${flags}`);
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(migrate).not.toHaveBeenCalled();
  });

  test("say where the configuration is", async () => {
    const { readConfiguration } = await ran("status --config a.yaml --stack dev --cwd /project");
    expect(readConfiguration).toHaveBeenCalledWith(
      expect.objectContaining({ config: "a.yaml", stack: "dev", cwd: "/project" }),
    );
  });

  test("nothing but the command's name shows the help", async () => {
    const { code, err } = await ran("");
    expect(code).toBe(1);
    expect(err).toMatch(/^Usage: vnic-failover/);
  });
});

describe("help", () => {
  const names = commandLine(() => Promise.resolve()).commands.map((command) => command.name());

  test("there are seven commands", () => {
    expect(names).toEqual(["doctor", "plan", "migrate", "drain", "status", "recover", "release"]);
  });

  test.each(names)("%s has examples, the global options and the exit codes", async (name) => {
    const { code, out } = await ran(`${name} --help`);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\n  \\$ vnic-failover ${name}`));
    expect(out).toContain("--json");
    expect(out).toContain("Exit codes:");
    expect(out.endsWith("\n")).toBe(true);
  });

  test("the version is the package's", async () => {
    expect((await ran("--version")).out).toMatch(/^\d+\.\d+\.\d+/);
  });
});

/** The command line, as a process runs it, against a test engine. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { commandsOf } from "../../../../provider/cli/commands/by-backend.js";
import { readConfiguration } from "../../../../provider/cli/configuration.js";
import { run } from "../../../../provider/cli/run.js";
import type { MoveReport } from "../../../../provider/migration/report/report.js";
import type { TestEngineOptions } from "../../../engine/server.js";
import { declarePair, overEngine, type OverEngine } from "../../../handlers/ovirt/over-engine.js";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface EngineCli {
  readonly over: OverEngine;
  /** The configuration's file. */
  readonly config: string;
  /** Runs a line without `vnic-failover`; reports go to a folder of their own. */
  ran(line: string, environment?: NodeJS.ProcessEnv): Promise<Ran>;
  /** The same with `--json`. */
  document(line: string): Promise<Readonly<Record<string, unknown>>>;
  reports(): Promise<readonly MoveReport[]>;
  files(): Promise<readonly string[]>;
  hostOf(vm: string): string | undefined;
}

/** VM "web" runs on "host1" with a pair "nic". */
export async function engineCli(options: TestEngineOptions = {}): Promise<EngineCli> {
  const over = await overEngine(options);
  await declarePair(over);
  const folder = await mkdtemp(join(tmpdir(), "vnic-failover-ovirt-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const config = join(folder, "engine.json");
  const { url, username, caFile, password } = over.engine.address;
  await writeFile(config, JSON.stringify({ ovirt: { url, username, caFile, cluster: "lab" } }));
  const reportFolder = join(folder, "reports");
  const before = process.env["VNIC_FAILOVER_REPORTS"];
  process.env["VNIC_FAILOVER_REPORTS"] = reportFolder;
  onTestFinished(() => {
    if (before === undefined) delete process.env["VNIC_FAILOVER_REPORTS"];
    else process.env["VNIC_FAILOVER_REPORTS"] = before;
  });
  const files = () => readdir(reportFolder).catch(() => []);
  const ran: EngineCli["ran"] = async (line, environment = { VNIC_FAILOVER_OVIRT_PASSWORD: password }) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const code = await run([...line.split(" "), "--config", config], {
      stdout,
      stderr,
      stdin: new PassThrough(),
      readConfiguration: (source) => readConfiguration(source, environment),
      connect: commandsOf,
    });
    stdout.end();
    stderr.end();
    return { code, out: await textOf(stdout), err: await textOf(stderr) };
  };
  return {
    over,
    config,
    ran,
    document: async (line) => JSON.parse((await ran(`${line} --json`)).out) as Readonly<Record<string, unknown>>,
    files,
    reports: async () => {
      const names = (await files()).filter((name) => name.endsWith(".json") && !name.startsWith("drain-"));
      return Promise.all(
        names
          .toSorted()
          .map(async (name) => JSON.parse(await readFile(join(reportFolder, name), "utf8")) as MoveReport),
      );
    },
    hostOf: (vm) => over.engine.model.hosts.get(over.vm(vm).host ?? "")?.name,
  };
}

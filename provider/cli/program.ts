/** The commands, their arguments, options and help. What they do stands in a file each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Answer, CommandConsole } from "./command.js";
import type { Commands } from "./commands/index.js";
import type { ConfigurationSource } from "./configuration.js";
import { exitCodesInWords } from "./exit-codes.js";
import { addMigrationFlags, givenOptions, migrationOptionsFrom, type MigrationFlags } from "./migration-options.js";

export interface GlobalOptions extends ConfigurationSource {
  readonly json: boolean;
  readonly debug: boolean;
}

/** A command with its arguments, ready to be run. */
export interface Invocation {
  readonly name: string;
  readonly globals: GlobalOptions;
  /** Whether Ctrl-C has something to roll back. */
  readonly movesVms: boolean;
  readonly act: (commands: Commands, context: CommandConsole) => Promise<Answer>;
}

export function commandLine(run: (invocation: Invocation) => Promise<void>): Command {
  const program = new Command("vnic-failover")
    .description(
      "Migrates VMs with SR-IOV failover pairs between libvirt hosts or on oVirt, and recovers interrupted moves.",
    )
    .version(version())
    .option("--json", "print one JSON document; progress as JSON lines on stderr")
    .option(
      "--config <file>",
      "JSON or YAML file with the cluster or the engine (default: the Pulumi stack's configuration)",
    )
    .option("--stack <name>", "the Pulumi stack whose configuration is read (default: the selected one)")
    .option("--cwd <dir>", "the folder of the Pulumi project (default: the current one)")
    .option("--debug", "show stack traces of errors")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(see --help)");

  const act = (command: Command, movesVms: boolean, action: Invocation["act"]): Promise<void> => {
    const { json = false, debug = false, config, stack, cwd } = command.optsWithGlobals<Partial<GlobalOptions>>();
    return run({ name: command.name(), globals: { json, debug, config, stack, cwd }, movesVms, act: action });
  };

  program
    .command("doctor")
    .description("check every host: versions, IOMMU, bridges, PFs and VFs, what is missing and how to fix it")
    .addHelpText(
      "after",
      help([
        ["vnic-failover doctor", "exits 1 if something is missing"],
        ["vnic-failover doctor --config cluster.yaml --json", "for monitoring"],
      ]),
    )
    .action((_flags: object, command: Command) => act(command, false, (commands, context) => commands.doctor(context)));

  addMigrationFlags(
    program
      .command("plan")
      .description("show what a move would do and whether it is possible; changes nothing")
      .argument("<vm>", "the VM's name in libvirt; on oVirt its name or id")
      .requiredOption(
        "--to <host>",
        "the destination, by its name in the configuration; on oVirt by its name or id in the engine",
      ),
  )
    .addHelpText("after", help([["vnic-failover plan web --to host2", "exits 1 if the move would be refused"]]))
    .action((vm: string, flags: MigrationFlags & { to: string }, command: Command) =>
      act(command, false, (commands, context) =>
        commands.plan(context, {
          vm,
          to: flags.to,
          options: migrationOptionsFrom(flags),
          given: givenOptions(flags),
        }),
      ),
    );

  addMigrationFlags(
    program
      .command("migrate")
      .description("move a VM; its VFs are unplugged during the move")
      .argument("<vm>", "the VM's name in libvirt; on oVirt its name or id")
      .requiredOption(
        "--to <host>",
        "the destination, by its name in the configuration; on oVirt by its name or id in the engine",
      ),
  )
    .option("--report-dir <dir>", "folder for the report (default .vnic-failover/reports)")
    .addHelpText(
      "after",
      help([
        ["vnic-failover migrate web --to host2", "moves it, with a progress bar on a terminal"],
        ["vnic-failover migrate web --to host2 --json 2>progress.jsonl", "for scripts"],
        ["vnic-failover migrate web --to host2 --bandwidth 500 --auto-converge", "a busy VM on a shared network"],
      ]),
    )
    .action((vm: string, flags: MigrationFlags & { to: string; reportDir?: string }, command: Command) =>
      act(command, true, (commands, context) =>
        commands.migrate(context, {
          vm,
          to: flags.to,
          options: migrationOptionsFrom(flags),
          given: givenOptions(flags),
          reportDir: flags.reportDir,
        }),
      ),
    );

  addMigrationFlags(
    program
      .command("drain")
      .description("move all running VMs away from a host, to hosts that have room for them")
      .argument(
        "[host]",
        "the host to drain, by its name in the configuration; on oVirt by its name or id in the engine",
      )
      .option("--to <host...>", "allowed destinations (default: every other host that is not under maintenance)")
      .addOption(
        new Option("--undo <report>", "move the VMs of a drain back, using its report").conflicts([
          "to",
          "maintenance",
        ]),
      )
      .option("--maintenance", "on oVirt: put the host into maintenance once no VM runs there")
      .option("--dry-run", "print the plan and exit with 0; nothing is moved")
      .option("--concurrency <n>", "concurrent moves (default 1)", wholeNumber)
      .option("--incoming <n>", "concurrent moves to one destination (default 2)", wholeNumber)
      .option("--yes", "skip the confirmation"),
  )
    .option("--report-dir <dir>", "folder for the reports (default .vnic-failover/reports)")
    .addHelpText(
      "after",
      help([
        ["vnic-failover drain host1", "shows the plan and asks"],
        ["vnic-failover drain host1 --dry-run --json", "the plan, for scripts"],
        ["vnic-failover drain host1 --to host2 host3 --concurrency 2 --yes", "for scripts"],
        ["vnic-failover drain host1 --maintenance --yes", "on oVirt: also puts it into maintenance"],
        ["vnic-failover drain --undo .vnic-failover/reports/drain-host1-….json", "moves them back"],
      ]),
    )
    .action((host: string | undefined, flags: DrainFlags, command: Command) => {
      const { undo, to } = flags;
      if (host === undefined && undo === undefined) command.error("error: missing required argument 'host'");
      if (host !== undefined && undo !== undefined)
        command.error("error: option '--undo <report>' cannot be used with a host: the report names it");
      return act(command, true, (commands, context) => {
        const request = {
          concurrency: flags.concurrency ?? 1,
          incoming: flags.incoming,
          confirmed: flags.yes ?? false,
          dryRun: flags.dryRun ?? false,
          options: migrationOptionsFrom(flags),
          given: givenOptions(flags),
          reportDir: flags.reportDir,
        };
        return undo === undefined
          ? commands.drain(context, { ...request, host: host ?? "", to, maintenance: flags.maintenance ?? false })
          : commands.undoDrain(context, { ...request, file: undo });
      });
    });

  program
    .command("status")
    .description("show where VMs run, their VFs, and moves in progress; changes nothing")
    .argument("[vm]", "default: every VM")
    .addHelpText(
      "after",
      help([
        ["vnic-failover status", "every VM of the cluster"],
        ["vnic-failover status web --json", "one of them, for a script"],
      ]),
    )
    .action((vm: string | undefined, _flags: object, command: Command) =>
      act(command, false, (commands, context) => commands.status(context, { vm })),
    );

  program
    .command("recover")
    .description("complete or roll back interrupted moves, and plug missing VFs")
    .argument("[vm]", "default: every VM that needs it")
    .option("--now", "do not wait for a move from another machine to time out; use it only if that machine is down")
    .option("--host-is-dead <host>", "treat this unreachable host as switched off: nothing runs there any more")
    .option("--yes", "with --host-is-dead: skip the confirmation")
    .addHelpText(
      "after",
      help([
        ["vnic-failover recover", "recovers every VM that needs it"],
        ["vnic-failover recover web --now", "the machine that moved it is down"],
        [
          "vnic-failover recover web --host-is-dead host2",
          "host2 is switched off: web boots from its disks on the other host. If web is still running on host2, its disks are corrupted",
        ],
      ]),
    )
    .action((vm: string | undefined, flags: RecoverFlags, command: Command) => {
      const { now = false, hostIsDead: dead, yes = false } = flags;
      if (dead !== undefined && vm === undefined)
        command.error("error: option '--host-is-dead <host>' needs the argument <vm>");
      return act(command, false, (commands, context) => commands.recover(context, { vm, now, dead, confirmed: yes }));
    });

  program
    .command("release")
    .description("let another stack place a VM: removes the record of a stack that was lost or renamed; moves nothing")
    .argument("<vm>", "the VM's name in libvirt; on oVirt its name or id")
    .addHelpText("after", help([["vnic-failover release web", "pulumi said that another stack places it"]]))
    .action((vm: string, _flags: object, command: Command) =>
      act(command, false, (commands, context) => commands.release(context, vm)),
    );

  return program.addHelpText("after", `\n${exitCodesInWords}`);
}

interface RecoverFlags {
  readonly now?: boolean;
  readonly hostIsDead?: string;
  readonly yes?: boolean;
}

type DrainFlags = MigrationFlags & {
  readonly to?: readonly string[];
  readonly concurrency?: number;
  readonly incoming?: number;
  readonly undo?: string;
  readonly maintenance?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly reportDir?: string;
};

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("It must be a whole number of at least 1.");
  return Number(text);
}

function help(examples: readonly (readonly [command: string, what: string])[]): string {
  return `\nExamples:\n${examples.map(([command, what]) => `  $ ${command}\n      ${what}`).join("\n")}\n\n${exitCodesInWords}`;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(__dirname, "..", "..", "package.json"), "utf8")) as { version: string };
  return manifest.version;
}

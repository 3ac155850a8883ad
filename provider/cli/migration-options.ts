/** The options of a move on the command line; names, defaults and limits are those of the migration's own schema. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { ProblemError } from "../model/problem.js";
import {
  announceStrategies,
  defaultMigrationOptions,
  migrationOptionsSchema,
  type MigrationOptions,
} from "../migration/options.js";

/** As commander collects them: by camel-cased flag. */
export interface MigrationFlags {
  readonly unplugTimeout?: number;
  readonly migrateTimeout?: number;
  readonly plugTimeout?: number;
  readonly bandwidth?: number;
  readonly maxDowntime?: number;
  readonly autoConverge?: boolean;
  readonly announce?: string;
  readonly unplug?: string;
  readonly address?: readonly string[];
}

const defaults = defaultMigrationOptions;

export function addMigrationFlags(command: Command): Command {
  return command
    .option(
      "--unplug-timeout <s>",
      `seconds for the guest to release its VF (default ${defaults.unplugTimeout})`,
      number,
    )
    .option("--migrate-timeout <s>", `seconds for libvirt's migration (default ${defaults.migrateTimeout})`, number)
    .option(
      "--plug-timeout <s>",
      `seconds for plugging a VF, and for the guest to use it (default ${defaults.plugTimeout})`,
      number,
    )
    .option("--bandwidth <MiB/s>", "the most that the migration may send (default: no limit)", number)
    .option("--max-downtime <ms>", "milliseconds that the VM may stand still (default: QEMU's, 300)", number)
    .option("--auto-converge", "slow the guest down where it writes faster than the network carries")
    .addOption(
      new Option(
        "--announce <how>",
        `how the network learns the guest's new port (default ${defaults.announce})`,
      ).choices(announceStrategies),
    )
    .addOption(
      new Option(
        "--unplug <when>",
        `before libvirt's migration, or by QEMU in it (default ${defaults.unplug})`,
      ).choices(["early", "late"]),
    )
    .option(
      "--address <ip...>",
      "IPv4 addresses of the guest to ask for (default: what libvirt or its own frames tell)",
    );
}

/** @throws ProblemError that names each flag at fault. */
export function migrationOptionsFrom(flags: MigrationFlags): MigrationOptions {
  const parsed = migrationOptionsSchema.safeParse(asOptions(flags));
  if (parsed.success) return parsed.data;
  throw new ProblemError({
    code: "usage",
    what: `Unable to use these options: ${parsed.error.issues.map(({ path, message }) => `${flagOf(path)}: ${message}`).join("; ")}`,
    remedy: "See --help.",
  });
}

/** Those that are no defaults. */
export function givenOptions(flags: MigrationFlags): readonly (keyof MigrationOptions)[] {
  const options = asOptions(flags);
  return migrationOptionsSchema.keyof().options.filter((name) => options[name] !== undefined);
}

function asOptions({
  unplugTimeout,
  migrateTimeout,
  plugTimeout,
  bandwidth,
  maxDowntime,
  autoConverge,
  announce,
  unplug,
  address,
}: MigrationFlags): Readonly<Partial<Record<keyof MigrationOptions, unknown>>> {
  return {
    unplugTimeout,
    migrateTimeout,
    plugTimeout,
    bandwidth,
    maxDowntime,
    autoConverge,
    announce,
    unplug,
    addresses: address,
  };
}

/** `--unplug-timeout` of `unplugTimeout`. */
export function flagOf([name = ""]: readonly PropertyKey[]): string {
  const flag = name === "addresses" ? "address" : String(name);
  return `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/**
 * What stacks do after VMs were moved by hand, and the change of their configuration that makes the VMs stay. Pure.
 *
 * A placement that names another host than the one where its VM runs moves the VM back, once `pulumi up --refresh` has seen
 * that; where the host that it names is under maintenance it rests.
 */
import { isUnderMaintenance } from "../config.js";
import type { CommandContext } from "./command.js";
import type { ConfigurationSource } from "./configuration.js";
import type { ManyMoves } from "./many-moves.js";
import { shellWord } from "./shell-word.js";

export interface NextOfStacks {
  /** The configuration that the command has read has the host under maintenance. */
  readonly maintenance: boolean;
  /** Sets the maintenance in a stack's configuration. */
  readonly command: string;
  /** The file that the command has read its configuration from; undefined: the stack's. */
  readonly file: string | undefined;
}

export function nextOfStacks({ cluster, configuration }: CommandContext, host: string): NextOfStacks {
  return {
    maintenance: isUnderMaintenance(cluster.config, host),
    command: `pulumi config set --path ${maintenancePath(host)} true${stackFlags(configuration)}`,
    file: configuration?.config,
  };
}

/** The command that ends the maintenance of a host. */
export function endMaintenance(host: string, configuration: ConfigurationSource | undefined): string {
  return `pulumi config rm --path ${maintenancePath(host)}${stackFlags(configuration)}`;
}

/** Pulumi splits a path at dots, but not in brackets. */
function maintenancePath(host: string): string {
  const step = host.includes(".") ? `["${host}"]` : `.${host}`;
  return `'vnic-failover:cluster.hosts${step}.maintenance'`;
}

/** Of the stack whose configuration the command has read, where it was named. */
function stackFlags({ config, stack, cwd }: ConfigurationSource = {}): string {
  if (config !== undefined) return "";
  return [
    ...(stack === undefined ? [] : [` --stack ${shellWord(stack)}`]),
    ...(cwd === undefined ? [] : [` --cwd ${shellWord(cwd)}`]),
  ].join("");
}

export function describeNext({ kind, host, plan, next }: ManyMoves): string {
  // Undone, the VMs are where they were declared.
  if (kind === "undo" || plan.moves.length === 0) return "";
  const vms = plan.moves.length === 1 ? "this VM" : "these VMs";
  if (next.maintenance)
    return `"${host}" is under maintenance: placements that name it rest, so no stack with this configuration moves ${vms} back.`;
  return [
    `A stack that places ${vms} on "${host}" moves ${plan.moves.length === 1 ? "it" : "them"} back with its next pulumi up --refresh.`,
    `To keep ${plan.moves.length === 1 ? "it" : "them"} away, set in that stack: ${next.command}`,
    ...(next.file === undefined
      ? []
      : [`This command read ${next.file}: set hosts.${host}.maintenance to true there, too.`]),
  ].join("\n");
}

export function nextDocument({ kind, next }: ManyMoves): object | null {
  if (kind === "undo") return null;
  return { maintenance: next.maintenance, command: next.maintenance ? null : next.command };
}

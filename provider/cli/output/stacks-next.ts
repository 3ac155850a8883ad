/**
 * What stacks do after VMs were moved by hand, and the change of their configuration that makes the VMs stay. Pure.
 *
 * A placement that names another host than the one where its VM runs moves the VM back, once `pulumi up --refresh` has seen
 * that; where the host that it names is under maintenance it rests.
 */
import { isUnderMaintenance } from "../../config/index.js";
import { listed } from "../../rules/wording.js";
import type { CommandContext } from "../command.js";
import type { ConfigurationSource } from "../configuration.js";
import type { ManyMoves } from "../commands/many-moves.js";
import { shellWord } from "../../model/shell-word.js";

export interface NextOfStacks {
  /** The configuration that the command has read has the host under maintenance. */
  readonly maintenance: boolean;
  /** Where that stands. */
  readonly configuration: ConfigurationSource | undefined;
  /** Whose the maintenance is. Default: the stacks' configuration. */
  readonly decides?: "the engine";
  /** The command ends with it. */
  readonly maintenanceFollows?: boolean;
}

export function nextOfStacks({ cluster, configuration }: CommandContext, host: string): NextOfStacks {
  return { maintenance: isUnderMaintenance(cluster.config, host), configuration };
}

/** The command that ends the maintenance of a host. */
export function endMaintenance(host: string, configuration: ConfigurationSource | undefined): string {
  return `pulumi config rm --path ${maintenancePath(host)}${stackFlags(configuration)}`;
}

/** The command that begins it. */
export function setMaintenance(host: string, configuration: ConfigurationSource | undefined): string {
  return `pulumi config set --path ${maintenancePath(host)} true${stackFlags(configuration)}`;
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

/** A stack, and the VMs of the plan that it places. */
interface PlacingStack {
  readonly stack: string;
  readonly project: string;
  readonly vms: readonly string[];
}

function placingStacks({ plan, vms }: ManyMoves): readonly PlacingStack[] {
  const placements = new Map(vms.map(({ name, placement }) => [name, placement]));
  const stacks = new Map<string, { stack: string; project: string; vms: string[] }>();
  for (const { vm } of plan.moves) {
    const placement = placements.get(vm);
    if (placement === undefined) continue;
    const { stack, project } = placement;
    const key = JSON.stringify([stack, project]);
    const known = stacks.get(key) ?? { stack, project, vms: [] };
    stacks.set(key, { ...known, vms: [...known.vms, vm] });
  }
  return [...stacks.values()];
}

export function describeNext(moves: ManyMoves): string {
  const { kind, host, plan, next } = moves;
  // Undone, the VMs are where they were declared.
  if (kind === "undo" || plan.moves.length === 0) return "";
  if (next.decides === "the engine") return describeNextOnOvirt(moves);
  if (next.maintenance)
    return `"${host}" is under maintenance: placements that name it are suspended, so no stack with this configuration moves ${plan.moves.length === 1 ? "this VM" : "these VMs"} back.`;
  const stacks = placingStacks(moves);
  const placed = new Set(stacks.flatMap(({ vms }) => vms));
  const others = plan.moves.filter(({ vm }) => !placed.has(vm));
  const { configuration } = next;
  return [
    ...stacks.map(
      ({ stack, project, vms }) =>
        `The next pulumi up --refresh in stack "${stack}" (project "${project}") moves VM${vms.length === 1 ? "" : "s"} ${listed(vms)} back to "${host}". To prevent that, run: ${setMaintenance(host, { ...inFolder(configuration), stack })}`,
    ),
    ...(others.length === 0
      ? []
      : [
          `A stack that places ${stacks.length === 0 ? (others.length === 1 ? "this VM" : "these VMs") : "one of the other VMs"} on "${host}" moves ${stacks.length === 0 ? them(others) : "it"} back with its next pulumi up --refresh. To prevent that, run in that stack: ${setMaintenance(host, configuration)}`,
        ]),
    ...(configuration?.config === undefined
      ? []
      : [`This command read ${configuration.config}: set hosts.${host}.maintenance to true there, too.`]),
  ].join("\n");
}

function describeNextOnOvirt({ host, plan, next }: ManyMoves): string {
  const one = plan.moves.length === 1;
  if (next.maintenance)
    return `The engine has "${host}" in maintenance: placements that name it are suspended, so no stack moves ${one ? "this VM" : "these VMs"} back.`;
  if (next.maintenanceFollows === true)
    return `Once the engine has "${host}" in maintenance, placements that name it are suspended, and no stack moves ${one ? "this VM" : "these VMs"} back.`;
  return `A stack that places ${one ? "this VM" : "one of these VMs"} on "${host}" moves it back with its next pulumi up --refresh. To prevent that, put the host into maintenance, with --maintenance or in the Administration Portal.`;
}

/** The folder that was named, which another stack's project need not be in. */
function inFolder(configuration: ConfigurationSource | undefined): ConfigurationSource {
  return configuration?.config === undefined ? { cwd: configuration?.cwd } : {};
}

function them(vms: readonly unknown[]): string {
  return vms.length === 1 ? "it" : "them";
}

export function nextDocument(moves: ManyMoves): object | null {
  const { kind, host, plan, vms, next } = moves;
  if (kind === "undo") return null;
  const placements = new Map(vms.map(({ name, placement }) => [name, placement]));
  return {
    maintenance: next.maintenance,
    command: next.maintenance || next.decides === "the engine" ? null : setMaintenance(host, next.configuration),
    placements: plan.moves.flatMap(({ vm }) => {
      const placement = placements.get(vm);
      if (placement === undefined) return [];
      const { stack, project, resource } = placement;
      return [{ vm, stack, project, resource }];
    }),
  };
}

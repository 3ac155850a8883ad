/**
 * ActivateDeactivateVmNicCommand. A user's command handles both devices of a pair, the VF first and then the standby, and
 * takes the VF's step back when the standby's fails; a migration's handles only the VF (`withFailover` false).
 */
import { commandFault } from "../fault.js";
import { attach, detach, HotPlugRefused, nicAlias, standbyAlias, virtualFunction } from "../hypervisor.js";
import { reportPlug, reportRefresh } from "../events.js";
import type { Host, Model, Nic, Vm } from "../model.js";
import { isPassthrough, plugNicRules, unplugNicRules } from "../rules/nic.js";
import { validate, type Command } from "../rules/rule.js";
import { suitableVf } from "../virtual-functions.js";

export interface PlugOptions {
  readonly withFailover: boolean;
  /** The VF that the scheduler set aside. */
  readonly vf?: string | undefined;
  /** As events name who does it. */
  readonly user: string;
}

/** The engine fills in the first value that a message's variable gets: the outer command's, where there is one. */
export const activate: Command = { action: "activate", type: "Interface" };
export const deactivate: Command = { action: "deactivate", type: "Interface" };

/** @throws EngineFault: the NIC stays as it was. */
export function plug(model: Model, vm: Vm, nic: Nic, command: Command, options: PlugOptions): void {
  if (options.vf === undefined) validate(plugNicRules, { model, vm, nic }, command);
  if (vm.status === "up") {
    hot(model, vm, nic, options.user, true, command, () => {
      plugDevice(model, vm, nic, options.vf);
      plugStandby(model, vm, nic, options.withFailover);
    });
  }
  nic.plugged = true;
}

/** @throws EngineFault: the NIC stays as it was. */
export function unplug(
  model: Model,
  vm: Vm,
  nic: Nic,
  command: Command,
  { withFailover, user }: Pick<PlugOptions, "withFailover" | "user">,
): void {
  validate(unplugNicRules, { model, vm, nic }, command);
  if (vm.status === "up") {
    hot(model, vm, nic, user, false, command, () => {
      unplugDevice(model, vm, nic);
      if (withFailover) unplugStandby(model, vm, nic);
    });
  }
  nic.plugged = false;
}

/** In a running VM, with the events of it. @throws EngineFault */
function hot(model: Model, vm: Vm, nic: Nic, user: string, plugs: boolean, command: Command, act: () => void): void {
  const host = hostOf(model, vm);
  try {
    act();
  } catch (error) {
    if (!(error instanceof HotPlugRefused)) throw error;
    reportPlug(model, { vm, nic, user, host }, plugs, error.message);
    throw commandFault([plugs ? "ACTIVATE_NIC_FAILED" : "DEACTIVATE_NIC_FAILED"], command);
  }
  reportPlug(model, { vm, nic, user, host }, plugs);
  if (isPassthrough(nic)) reportRefresh(model, host, user);
}

/** What starting the VM puts into its domain: of each plugged NIC the device, and then its standby. */
export function plugAtStart(model: Model, vm: Vm): void {
  for (const nic of vm.nics.filter(({ plugged }) => plugged)) {
    plugDevice(model, vm, nic, undefined);
    plugStandby(model, vm, nic, true);
  }
}

function plugDevice(model: Model, vm: Vm, nic: Nic, reserved: string | undefined): void {
  if (!isPassthrough(nic)) {
    attach(vm, { alias: nicAlias(nic), mac: nic.mac, kind: "bridge" });
    return;
  }
  const vf = reserved ?? freeVfOf(model, hostOf(model, vm), model.profileOf(nic)?.network);
  if (vf === undefined) throw new HotPlugRefused("no virtual function");
  attach(vm, { alias: nicAlias(nic), mac: nic.mac, kind: "hostdev", vf });
  occupy(model, vf, vm.id);
}

function plugStandby(model: Model, vm: Vm, nic: Nic, withFailover: boolean): void {
  const failover = model.profileOf(nic)?.failover;
  if (failover === undefined || !withFailover) return;
  try {
    attach(vm, { alias: standbyAlias(failover), mac: nic.mac, kind: "bridge" });
  } catch (error) {
    unplugDevice(model, vm, nic);
    throw error;
  }
}

function unplugDevice(model: Model, vm: Vm, nic: Nic): void {
  const { vf } = detach(vm, nicAlias(nic));
  if (vf !== undefined) occupy(model, vf, undefined);
}

function unplugStandby(model: Model, vm: Vm, nic: Nic): void {
  const failover = model.profileOf(nic)?.failover;
  if (failover === undefined) return;
  try {
    detach(vm, standbyAlias(failover));
  } catch (error) {
    plugDevice(model, vm, nic, undefined);
    throw error;
  }
}

function freeVfOf(model: Model, host: Host | undefined, networkId: string | undefined): string | undefined {
  const network = model.networks.get(networkId ?? "");
  return host === undefined || network === undefined ? undefined : suitableVf(host, network)?.id;
}

function hostOf(model: Model, { host }: Vm): Host | undefined {
  return host === undefined ? undefined : model.hosts.get(host);
}

function occupy(model: Model, vf: string, vm: string | undefined): void {
  const nic = virtualFunction(model, vf);
  if (nic !== undefined) nic.usedBy = vm;
}

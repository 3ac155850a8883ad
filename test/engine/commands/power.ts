/** RunVmCommand and StopVmCommand, as far as NICs go: only a power cycle cleans up what a failed plug left behind. */
import { commandFault } from "../fault.js";
import { freeVfs, HotPlugRefused } from "../hypervisor.js";
import type { Model, Vm } from "../model.js";
import { plugAtStart } from "./plug.js";

/** @throws EngineFault */
export function start(model: Model, vm: Vm): void {
  if (vm.status !== "down") throw illegal("run", vm);
  const host = [...model.hosts.values()].find(({ cluster, status }) => cluster === vm.cluster && status === "up");
  if (host === undefined) throw commandFault(["SCHEDULING_ALL_HOSTS_FILTERED_OUT"], { action: "run", type: "VM" });
  vm.host = host.id;
  vm.status = "up";
  try {
    plugAtStart(model, vm);
  } catch (error) {
    stop(model, vm);
    // Two VFs of one VM with one failover profile: libvirt does not start it.
    if (error instanceof HotPlugRefused) throw illegal("run", vm);
    throw error;
  }
}

/** @throws EngineFault */
export function stop(model: Model, vm: Vm): void {
  if (vm.status === "down") throw illegal("stop", vm);
  const host = vm.host === undefined ? undefined : model.hosts.get(vm.host);
  if (host !== undefined) freeVfs(host, vm.id);
  vm.devices = [];
  vm.host = undefined;
  vm.status = "down";
}

function illegal(action: string, vm: Vm): Error {
  return commandFault(["ACTION_TYPE_FAILED_VM_STATUS_ILLEGAL"], { action, type: "VM", vmStatus: vm.status });
}

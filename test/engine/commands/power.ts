/** RunVmCommand and StopVmCommand, as far as NICs go: only a power cycle cleans up what a failed plug has left. */
import { about } from "../events.js";
import { commandFault, EngineFault } from "../fault.js";
import { freeVfs, HotPlugRefused } from "../hypervisor.js";
import { newId, type Job, type Model, type Vm } from "../model.js";
import { printedStatus } from "../rules/nic.js";
import type { Caller } from "./caller.js";
import { plugAtStart } from "./plug.js";

const run = { action: "run", type: "VM" };

/** @throws EngineFault */
export function start(model: Model, vm: Vm | undefined, caller: Caller): Job {
  if (vm === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_NOT_FOUND"], run);
  try {
    begin(model, vm);
  } catch (error) {
    if (error instanceof EngineFault) {
      model.report({
        code: 54,
        severity: "error",
        ...about(vm, caller),
        description: `Failed to run VM ${vm.name} due to a failed validation: [${error.texts?.join(", ") ?? ""}] (User: ${caller.user}).`,
      });
    }
    throw error;
  }
  return finished(model, `Launching VM ${vm.name}`, caller);
}

function begin(model: Model, vm: Vm): void {
  if (vm.status !== "down") throw illegal(vm);
  const host = [...model.hosts.values()].find(({ cluster, status }) => cluster === vm.cluster && status === "up");
  if (host === undefined) throw commandFault(["SCHEDULING_NO_HOSTS"], run);
  vm.host = host.id;
  vm.status = "up";
  try {
    plugAtStart(model, vm);
  } catch (error) {
    powerOff(model, vm);
    // Two VFs of one VM with one failover profile: libvirt does not start it.
    if (error instanceof HotPlugRefused) throw illegal(vm);
    throw error;
  }
}

/** A VM that is down already is nothing to refuse. @throws EngineFault */
export function stop(model: Model, vm: Vm | undefined, caller: Caller): Job {
  if (vm === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_NOT_FOUND"], { action: "stop", type: "VM" });
  const host = model.hosts.get(vm.host ?? "");
  const isDown = vm.status === "down";
  model.report({
    code: isDown ? 254 : 33,
    severity: "normal",
    ...about(vm, caller),
    description: isDown
      ? `VM ${vm.name} is already Down, Stop VM was skipped. User: ${caller.user}.`
      : `VM ${vm.name} powered off by ${caller.user} (Host: ${host?.name ?? "<UNKNOWN>"}).`,
  });
  powerOff(model, vm);
  return finished(model, `Powering Off VM ${vm.name}`, caller);
}

function powerOff(model: Model, vm: Vm): void {
  const host = vm.host === undefined ? undefined : model.hosts.get(vm.host);
  if (host !== undefined) freeVfs(host, vm.id);
  vm.devices = [];
  vm.host = undefined;
  vm.status = "down";
}

export function finished(model: Model, description: string, { correlationId }: Caller): Job {
  const now = new Date();
  const job: Job = { id: newId(), description, correlationId, status: "finished", startTime: now, endTime: now };
  model.jobs.set(job.id, job);
  return job;
}

function illegal(vm: Vm): Error {
  return commandFault(["ACTION_TYPE_FAILED_VM_STATUS_ILLEGAL"], { ...run, vmStatus: printedStatus(vm.status) });
}

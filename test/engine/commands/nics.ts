/** AddVmInterfaceCommand, UpdateVmInterfaceCommand, RemoveVmInterfaceCommand. */
import type { Model, Nic, NicInterface, Vm } from "../model.js";
import { addNicRules, removeNicRules, updateNicRules } from "../rules/nic.js";
import { validate, type Command } from "../rules/rule.js";
import type { Caller } from "./caller.js";
import { plug, unplug } from "./plug.js";

const add: Command = { action: "add", type: "Interface" };
const edit: Command = { action: "edit", type: "Interface" };
const remove: Command = { action: "remove", type: "Interface" };

/**
 * @param nic its MAC is empty where the request names none.
 * @throws EngineFault: the NIC is not added.
 */
export function addNic(model: Model, vm: Vm, nic: Nic, caller: Caller): Nic {
  const macGiven = nic.mac !== "";
  validate(addNicRules, { model, vm, nic, macGiven }, add);
  if (!macGiven) nic.mac = freeMac(model);
  vm.nics.push(nic);
  if (nic.plugged) {
    try {
      plug(model, vm, nic, add, { withFailover: true });
    } catch (error) {
      vm.nics.splice(vm.nics.indexOf(nic), 1);
      throw error;
    }
  }
  report(model, vm, nic, 932, `was added to VM ${vm.name}.`, caller);
  return nic;
}

/** @throws EngineFault: the NIC stays as it was. */
export function updateNic(model: Model, vm: Vm, stored: Nic, nic: Nic, caller: Caller): Nic {
  validate(updateNicRules, { model, vm, nic, stored }, edit);
  const before = { ...stored };
  const wanted = nic.plugged;
  Object.assign(stored, nic, { plugged: before.plugged });
  try {
    if (wanted && !before.plugged) plug(model, vm, stored, edit, { withFailover: true });
    // What is unplugged is what was there.
    if (!wanted && before.plugged) {
      unplug(model, vm, before, edit, true);
      stored.plugged = false;
    }
  } catch (error) {
    Object.assign(stored, before);
    throw error;
  }
  report(
    model,
    vm,
    stored,
    934,
    `was updated for VM ${vm.name}. Link State is ${stored.linked ? "UP" : "DOWN"}.`,
    caller,
  );
  return stored;
}

/** The MAC goes back to the pool, also where a standby still uses it. @throws EngineFault */
export function removeNic(model: Model, vm: Vm, nic: Nic, caller: Caller): void {
  validate(removeNicRules, { model, vm, nic }, remove);
  vm.nics.splice(vm.nics.indexOf(nic), 1);
  report(model, vm, nic, 930, `was removed from VM ${vm.name}.`, caller);
}

/** The first of the pool's range that no NIC has. */
function freeMac(model: Model): string {
  const taken = new Set([...model.vms.values()].flatMap(({ nics }) => nics.map(({ mac }) => mac.toLowerCase())));
  for (let last = 0; ; last += 1) {
    const mac = `56:6f:00:00:${octet(last >> 8)}:${octet(last & 255)}`;
    if (!taken.has(mac)) return mac;
  }
}

function octet(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** VmInterfaceType.getDescription. */
const descriptions: Readonly<Partial<Record<NicInterface, string>>> = {
  virtio: "VirtIO",
  pci_passthrough: "PCI Passthrough",
};

function report(model: Model, vm: Vm, nic: Nic, code: number, done: string, { user, correlationId }: Caller): void {
  model.report({
    code,
    severity: "normal",
    correlationId,
    vm: vm.id,
    description: `Interface ${nic.name} (${descriptions[nic.interface] ?? nic.interface}) ${done} (User: ${user})`,
  });
}

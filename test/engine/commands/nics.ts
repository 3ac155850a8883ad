/** AddVmInterfaceCommand, UpdateVmInterfaceCommand, RemoveVmInterfaceCommand. */
import { reportNic } from "../events.js";
import { commandFault } from "../fault.js";
import type { Model, Nic, Vm } from "../model.js";
import { addNicRules, removeNicRules, updateNicRules } from "../rules/nic.js";
import { validate, type Command } from "../rules/rule.js";
import type { Caller } from "./caller.js";
import { checkNic } from "./parameters.js";
import { plug, unplug } from "./plug.js";

const add: Command = { action: "add", type: "Interface" };
const edit: Command = { action: "edit", type: "Interface" };
const remove: Command = { action: "remove", type: "Interface" };

/**
 * @param vm undefined: there is none of that id.
 * @param nic its MAC is empty where the request names none.
 * @throws EngineFault: the NIC is not added.
 */
export function addNic(model: Model, vm: Vm | undefined, nic: Nic, caller: Caller): Nic {
  checkNic(nic, true);
  if (vm === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_NOT_FOUND"], add);
  const macGiven = nic.mac !== "";
  validate(addNicRules, { model, vm, nic, macGiven }, add);
  if (!macGiven) nic.mac = freeMac(model);
  vm.nics.push(nic);
  if (nic.plugged) {
    try {
      plug(model, vm, nic, add, { withFailover: true, user: caller.user });
    } catch (error) {
      reportNic(model, { vm, nic, caller }, 933, `add % to VM ${vm.name}.`, "error");
      vm.nics.splice(vm.nics.indexOf(nic), 1);
      throw error;
    }
  }
  reportNic(model, { vm, nic, caller }, 932, `was added to VM ${vm.name}.`);
  return nic;
}

/**
 * @param updateDevice what the host does to the device of a NIC that is plugged and stays so.
 * @throws EngineFault: the NIC stays as it was.
 */
export function updateNic(
  model: Model,
  vm: Vm,
  stored: Nic,
  nic: Nic,
  caller: Caller,
  updateDevice: () => void = () => undefined,
): Nic {
  checkNic(nic, false);
  validate(updateNicRules, { model, vm, nic, stored }, edit);
  const before = { ...stored };
  const wanted = nic.plugged;
  Object.assign(stored, nic, { plugged: before.plugged });
  try {
    if (vm.status === "up" && wanted && before.plugged) updateDevice();
    if (wanted && !before.plugged) plug(model, vm, stored, edit, { withFailover: true, user: caller.user });
    // What is unplugged is what was there.
    if (!wanted && before.plugged) {
      unplug(model, vm, before, edit, { withFailover: true, user: caller.user });
      stored.plugged = false;
    }
  } catch (error) {
    Object.assign(stored, before);
    reportNic(model, { vm, nic: stored, caller }, 935, `update % for VM ${vm.name}.`, "error");
    throw error;
  }
  reportNic(
    model,
    { vm, nic: stored, caller },
    934,
    `was updated for VM ${vm.name}. Link State is ${stored.linked ? "UP" : "DOWN"}.`,
  );
  return stored;
}

/** The MAC goes back to the pool, also where a standby still uses it. @throws EngineFault */
export function removeNic(model: Model, vm: Vm, nic: Nic, caller: Caller): void {
  validate(removeNicRules, { model, vm, nic }, remove);
  vm.nics.splice(vm.nics.indexOf(nic), 1);
  reportNic(model, { vm, nic, caller }, 930, `was removed from VM ${vm.name}.`);
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

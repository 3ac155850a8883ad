/** What the engine writes about NICs and migrations: codes and texts of AuditLogType.java and AuditLogMessages.properties. */
import type { Caller } from "./commands/caller.js";
import { newId, type Event, type Host, type Model, type Nic, type NicInterface, type Vm } from "./model.js";

/** VmInterfaceType.getDescription. */
const descriptions: Readonly<Partial<Record<NicInterface, string>>> = {
  virtio: "VirtIO",
  pci_passthrough: "PCI Passthrough",
};

/** Of a NIC's own command: add, edit, remove. */
export function reportNic(
  model: Model,
  { vm, nic, caller }: { readonly vm: Vm; readonly nic: Nic; readonly caller: Caller },
  code: number,
  done: string,
  severity: Event["severity"] = "normal",
): void {
  const what = `Interface ${nic.name} (${descriptions[nic.interface] ?? nic.interface})`;
  const { user } = caller;
  model.report({
    code,
    severity,
    ...about(vm, caller),
    description:
      severity === "error" ? `Failed to ${done.replace("%", what)} (User: ${user})` : `${what} ${done} (User: ${user})`,
  });
}

/**
 * ActivateDeactivateVmNicCommand's: with a correlation id of its own, whichever command it is part of. A refusal of the
 * host's is told before, without a VM.
 */
export function reportPlug(
  model: Model,
  {
    vm,
    nic,
    user,
    host,
  }: { readonly vm: Vm; readonly nic: Nic; readonly user: string; readonly host?: Host | undefined },
  plugged: boolean,
  refusal?: string,
): void {
  const what = `Network Interface ${nic.name} (${descriptions[nic.interface] ?? nic.interface})`;
  const event = { ...about(vm, { user, correlationId: newId() }) };
  if (refusal === undefined) {
    model.report({
      ...event,
      code: plugged ? 1012 : 1014,
      severity: "normal",
      description: `${what} was ${plugged ? "plugged to" : "unplugged from"} VM ${vm.name}. (User: ${user})`,
    });
    return;
  }
  model.report({
    code: 10802,
    severity: "error",
    host: host?.id,
    description: `VDSM ${host?.name ?? "<UNKNOWN>"} command ${plugged ? "HotPlugNicVDS" : "HotUnplugNicVDS"} failed: ${refusal}`,
  });
  model.report({
    ...event,
    code: plugged ? 1013 : 1015,
    severity: "error",
    description: `Failed to ${plugged ? "plug" : "unplug"} ${what} ${plugged ? "to" : "from"} VM ${vm.name}. (User: ${user})`,
  });
}

/** After each plug the engine reads the host's NICs again. */
export function reportRefresh(model: Model, host: Host | undefined, user: string): void {
  if (host === undefined) return;
  model.report({
    code: 606,
    severity: "normal",
    host: host.id,
    user,
    correlationId: newId(),
    description: `Successfully refreshed the capabilities of host ${host.name}.`,
  });
}

export function about(vm: Vm, { user, correlationId }: Caller): Pick<Event, "vm" | "host" | "user" | "correlationId"> {
  return { vm: vm.id, host: vm.host, user, correlationId };
}

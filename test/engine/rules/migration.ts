/** MigrateVmCommand and MigrateVmToServerCommand: `validateImpl()`, and the scheduler's filters on hosts. */
import { commandFault } from "../fault.js";
import { printed, type MessageId } from "../messages.js";
import type { Host, Model, Vm, VmStatus } from "../model.js";
import { suitableVf } from "../virtual-functions.js";
import { isPassthrough } from "./nic.js";
import { rule, validate, type Command, type EngineRule } from "./rule.js";

export interface MigrationFacts {
  readonly model: Model;
  readonly vm: Vm;
}

export const migrateVm: Command = { action: "migrate", type: "VM" };

/** VMStatus.isQualifyToMigrate. */
const qualified: readonly VmStatus[] = ["up", "powering_up", "paused", "reboot_in_progress"];

const migrationRules: readonly EngineRule<MigrationFacts>[] = [
  rule("canMigrate", "ACTION_TYPE_FAILED_MIGRATION_IN_PROGRESS", ({ vm }) => vm.status === "migrating"),
  rule("canMigrate", "ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING", ({ vm }) => !qualified.includes(vm.status)),
  {
    name: "allPassthroughVnicsMigratable",
    refuse: ({ model, vm }) => {
      const fixed = vm.nics.filter(
        (nic) => isPassthrough(nic) && nic.plugged && model.profileOf(nic)?.migratable !== true,
      );
      return fixed.length > 0
        ? {
            id: "ACTION_TYPE_FAILED_MIGRATION_OF_NON_MIGRATABLE_PASSTHROUGH_VNICS_IS_NOT_SUPPORTED",
            variables: { vmName: vm.name, interfaces: printed(fixed.map(({ name }) => name)) },
          }
        : undefined;
    },
  },
];

/** @throws EngineFault when the VM can't migrate, wherever to. */
export function validateMigration(facts: MigrationFacts): void {
  validate(migrationRules, facts, migrateVm);
}

/** Why a host is filtered out. */
interface Filtered {
  readonly filter: string;
  readonly detail: string;
}

/**
 * The hosts on which the VM may run.
 * @throws EngineFault with every host's reason when there is none.
 */
export function schedule(model: Model, vm: Vm, candidates: readonly Host[]): readonly [Host, ...Host[]] {
  const judged = candidates.map((host) => ({ host, filtered: filterOut(model, vm, host) }));
  const [first, ...rest] = judged.filter(({ filtered }) => filtered === undefined).map(({ host }) => host);
  if (first !== undefined) return [first, ...rest];
  throw allFilteredOut(
    judged.map(({ host, filtered }) => ({ hostName: host.name, ...(filtered ?? { filter: "", detail: "" }) })),
  );
}

function filterOut(model: Model, vm: Vm, host: Host): Filtered | undefined {
  const passthrough = vm.nics.filter(isPassthrough);
  // Unplugged NICs count, and a failover network that is not in the cluster ends in a NullPointerException
  // (NetworkPolicyUnit.findFailoverNetworkNotConnected).
  const missing = passthrough.flatMap((nic) => {
    const failover = model.profileOf(nic)?.failover;
    const network = failover === undefined ? undefined : model.profiles.get(failover)?.network;
    if (network === undefined) return [];
    if (model.clusters.get(vm.cluster)?.networks.has(network) !== true) {
      throw commandFault(["CAN_DO_ACTION_GENERAL_FAILURE"], {});
    }
    return model.hostHasNetwork(host, network) ? [] : [model.networks.get(network)?.name ?? network];
  });
  if (missing.length > 0) {
    return { filter: "Network", detail: `network(s) ${[...new Set(missing)].join(", ")} are missing` };
  }
  const unserved = vfsFor(model, vm, host).unserved;
  return unserved.length > 0
    ? {
        filter: "Network",
        detail: `there are no free virtual functions which are suitable for virtual nic(s) ${unserved.join(", ")}. A virtual function is considered as suitable if the VF's configuration of its physical function contains the virtual nic's network/network label`,
      }
    : undefined;
}

/** VfScheduler.validatePassthroughVnics: a VF of the host for each passthrough NIC that is plugged. */
export function vfsFor(
  model: Model,
  vm: Vm,
  host: Host,
): { readonly chosen: ReadonlyMap<string, string>; readonly unserved: readonly string[] } {
  const chosen = new Map<string, string>();
  const unserved: string[] = [];
  for (const nic of vm.nics.filter((each) => isPassthrough(each) && each.plugged)) {
    const network = model.networks.get(model.profileOf(nic)?.network ?? "");
    const vf = network === undefined ? undefined : suitableVf(host, network, [...chosen.values()]);
    if (vf === undefined) unserved.push(nic.name);
    else chosen.set(nic.id, vf.id);
  }
  return { chosen, unserved };
}

function allFilteredOut(hosts: readonly (Filtered & { readonly hostName: string })[]): Error {
  const [first] = hosts;
  const ids: [MessageId, ...MessageId[]] = ["SCHEDULING_ALL_HOSTS_FILTERED_OUT"];
  if (first === undefined) return commandFault(["SCHEDULING_NO_HOSTS"], migrateVm);
  // The engine's variables are global to a list of messages, and the first one of a name wins.
  return commandFault([...ids, "SCHEDULING_HOST_FILTERED_REASON_WITH_DETAIL"], {
    ...migrateVm,
    hostName: first.hostName,
    filterType: "internal",
    filterName: first.filter,
    detailMessage: first.detail,
  });
}

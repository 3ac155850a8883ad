/**
 * MaintenanceNumberOfVdssCommand and ActivateVdsCommand. The answer comes at once; VMs that run there are migrated to hosts of
 * the engine's choice, migrations to the host are cancelled, and it is in maintenance when no VM runs there.
 */
import { commandFault, EngineFault } from "../fault.js";
import type { Host, Model } from "../model.js";
import type { Pace } from "../pace.js";
import type { Caller } from "./caller.js";
import type { Migrations } from "./migration.js";

export interface HostParts {
  readonly model: Model;
  readonly migrations: Migrations;
  readonly pace: Pace;
}

/** @throws EngineFault when nothing was begun. */
export async function deactivate({ model, migrations, pace }: HostParts, host: Host, caller: Caller): Promise<void> {
  if (host.status === "maintenance") throw commandFault(["VDS_CANNOT_MAINTENANCE_VDS_IS_IN_MAINTENANCE"], {});
  const running = [...model.vms.values()].filter((vm) => vm.host === host.id && vm.status !== "down");
  const others = [...model.hosts.values()].filter(
    ({ id, cluster, status }) => id !== host.id && cluster === host.cluster && status === "up",
  );
  if (running.length > 0 && others.length === 0) {
    throw commandFault(["CANNOT_MAINTENANCE_VDS_RUN_VMS_NO_OTHER_RUNNING_VDS"], {
      HostsList: host.name,
      ClustersList: model.clusters.get(host.cluster)?.name ?? "",
    });
  }
  host.status = "preparing_for_maintenance";
  migrations.cancelTo(host, caller);
  for (const vm of running.filter(({ status }) => status !== "migrating")) {
    try {
      await migrations.start({ vm, id: vm.id, caller: { ...caller, user: "SYSTEM" }, bySystem: true });
    } catch (error) {
      // It stays, and so does the host; events tell.
      if (!(error instanceof EngineFault)) throw error;
    }
  }
  const look = (): void => {
    if (host.status !== "preparing_for_maintenance") return;
    if ([...model.vms.values()].some((vm) => vm.host === host.id)) {
      pace.then(look);
      return;
    }
    host.status = "maintenance";
    model.report({
      code: 620,
      severity: "normal",
      host: host.id,
      ...caller,
      description: `Host ${host.name} was switched to Maintenance mode by ${caller.user}.`,
    });
  };
  pace.then(look);
}

export function activate({ model }: HostParts, host: Host, caller: Caller): void {
  host.status = "up";
  model.report({
    code: 16,
    severity: "normal",
    host: host.id,
    ...caller,
    description: `Activation of host ${host.name} initiated by ${caller.user}.`,
  });
}

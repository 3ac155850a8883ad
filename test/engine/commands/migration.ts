/**
 * MigrateVmCommand and MigrateVmToServerCommand with their flow: the VFs of the destination are set aside, those of the
 * source unplugged and the standbys left; the VM migrates; the VFs are plugged on the destination.
 *
 * With the engine's defects: a migration that fails leaves the VM on the source without its VFs; what can't be plugged
 * again stays unplugged, and only an event says so; a second attempt on another host is made without a look at its VFs.
 */
import type { Disruptions } from "../disruptions.js";
import { commandFault } from "../fault.js";
import { freeVfs, virtualFunction } from "../hypervisor.js";
import { named, newId, type Event, type Host, type Job, type Model, type Nic, type Vm } from "../model.js";
import type { Pace } from "../pace.js";
import { isPassthrough } from "../rules/nic.js";
import { migrateVm, schedule, validateMigration, vfsFor } from "../rules/migration.js";
import type { Caller } from "./caller.js";
import { activate, deactivate, plug, unplug } from "./plug.js";

export interface MigrationRequest {
  readonly vm: Vm;
  /** Id or name; undefined: the engine chooses, and tries another one when it fails. */
  readonly host?: { readonly id?: string | undefined; readonly name?: string | undefined } | undefined;
  readonly caller: Caller;
}

interface Migration {
  readonly vm: Vm;
  readonly source: Host;
  readonly destination: Host;
  /** Where to try next when it fails. */
  readonly further: readonly Host[];
  /** The command's `cachedVmPassthroughNics`. */
  readonly unplugged: readonly Nic[];
  /** VF of each NIC; undefined on a second attempt, for which nobody looked (`vnicToVfMap` is null). */
  readonly vfs: ReadonlyMap<string, string> | undefined;
  readonly toServer: boolean;
  readonly job: Job;
  readonly caller: Caller;
}

/** Per cent, as the steps of a migration report it. */
const progress = [0, 40, 80];

export class Migrations {
  constructor(
    private readonly model: Model,
    private readonly pace: Pace,
    private readonly disruptions: Disruptions,
  ) {}

  /** @throws EngineFault when nothing was begun. */
  start({ vm, host, caller }: MigrationRequest): Job {
    const chosen = host === undefined ? undefined : this.#destination(host);
    validateMigration({ model: this.model, vm });
    const candidates = [...this.model.hosts.values()].filter(({ cluster }) => cluster === vm.cluster);
    if (chosen !== undefined && chosen.cluster !== vm.cluster) {
      throw commandFault(["ACTION_TYPE_FAILED_MIGRATE_BETWEEN_TWO_CLUSTERS"], migrateVm);
    }
    const [destination, ...further] = schedule(
      this.model,
      vm,
      chosen === undefined ? candidates.filter(({ status, id }) => status === "up" && id !== vm.host) : [chosen],
    );
    const source = vm.host === undefined ? undefined : this.model.hosts.get(vm.host);
    if (source === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING"], migrateVm);

    const vfs = vfsFor(this.model, vm, destination).chosen;
    for (const vf of vfs.values()) this.#reserve(vf, vm.id);
    const unplugged = vm.nics.filter((nic) => isPassthrough(nic) && nic.plugged);
    try {
      for (const nic of unplugged) unplug(this.model, vm, nic, deactivate, false);
    } catch (error) {
      freeVfs(destination, vm.id);
      throw error;
    }
    const job: Job = {
      id: newId(),
      description:
        chosen === undefined ? `Migrating VM ${vm.name}` : `Migrating VM ${vm.name} to Host ${destination.name}`,
      correlationId: caller.correlationId,
      status: "started",
      startTime: new Date(),
    };
    this.model.jobs.set(job.id, job);
    this.#begin({ vm, source, destination, further, unplugged, vfs, toServer: chosen !== undefined, job, caller });
    return job;
  }

  #destination(sought: { readonly id?: string | undefined; readonly name?: string | undefined }): Host {
    const host = sought.id === undefined ? named(this.model.hosts, sought.name ?? "") : this.model.hosts.get(sought.id);
    if (host === undefined) throw commandFault(["VDS_INVALID_SERVER_ID"], migrateVm);
    if (host.status !== "up") {
      throw commandFault(["ACTION_TYPE_FAILED_VDS_STATUS_ILLEGAL"], { ...migrateVm, hostStatus: "Up" });
    }
    return host;
  }

  #begin(migration: Migration): void {
    const { vm, source, destination, caller } = migration;
    vm.beingMigrated = true;
    vm.status = "migrating";
    this.#report(migration, {
      code: 62,
      severity: "normal",
      description: `Migration started (VM: ${vm.name}, Source: ${source.name}, Destination: ${destination.name}, User: ${caller.user}). `,
    });
    this.#progress(migration, 0);
  }

  #progress(migration: Migration, step: number): void {
    migration.vm.migrationProgress = progress[step];
    this.pace.then(() => {
      if (step + 1 < progress.length) this.#progress(migration, step + 1);
      else if (this.disruptions.take("migration-fails", { vm: migration.vm.name })) this.#fail(migration);
      else this.#arrive(migration);
    });
  }

  /** The VM is up on the destination, and for a while so without its VFs. */
  #arrive(migration: Migration): void {
    const { vm, destination, source } = migration;
    vm.status = "up";
    vm.host = destination.id;
    vm.migrationProgress = undefined;
    this.#report(migration, {
      code: 63,
      severity: "normal",
      description: `Migration completed (VM: ${vm.name}, Source: ${source.name}, Destination: ${destination.name}, Duration: 1 second, Total: 1 second, Actual downtime: 42ms)`,
    });
    this.pace.then(() => {
      this.#replug(migration);
      this.#end(migration, "finished");
    });
  }

  #replug(migration: Migration): void {
    const { vm, vfs, unplugged, destination } = migration;
    try {
      const lost = unplugged.filter((nic) => !this.#replugged(migration, nic));
      if (lost.length > 0) {
        this.#report(migration, {
          code: 12003,
          severity: "error",
          description: `After migration of ${vm.name}, following vm nics failed to be plugged back: ${lost.map(({ name }) => name).join(",")}.`,
        });
      }
    } catch {
      this.#report(migration, {
        code: 12004,
        severity: "error",
        description: `After migration of ${vm.name} vm nics failed to be plugged back.`,
      });
    }
    const inUse = vm.devices.flatMap(({ vf }) => vf ?? []);
    if (vfs !== undefined) freeVfs(destination, vm.id, inUse);
  }

  /** @throws TypeError where nobody set VFs aside, as the engine's NullPointerException. */
  #replugged({ vm, vfs }: Migration, nic: Nic): boolean {
    const disrupted = this.disruptions.take("vf-not-replugged", { vm: vm.name, nic: nic.name });
    try {
      if (!disrupted) {
        plug(this.model, vm, nic, activate, { withFailover: false, vf: vfs?.get(nic.id) });
        return true;
      }
    } catch {
      // The engine goes on to free the NIC's VF.
    }
    if (vfs === undefined) throw new TypeError("vnicToVfMap is null");
    const vf = vfs.get(nic.id);
    if (vf !== undefined) this.#reserve(vf, undefined);
    return false;
  }

  /** The destination's VFs are given back; the source's are not plugged again. */
  #fail(migration: Migration): void {
    const { vm, source, destination, further, toServer } = migration;
    freeVfs(destination, vm.id);
    vm.status = "up";
    vm.migrationProgress = undefined;
    const [next, ...rest] = further;
    if (next !== undefined) {
      this.#report(migration, {
        code: 128,
        severity: "warning",
        description: `Failed to migrate VM ${vm.name} to Host ${destination.name}. Trying to migrate to another Host.`,
      });
      this.#begin({ ...migration, destination: next, further: rest, vfs: undefined });
      return;
    }
    this.#report(migration, {
      code: toServer ? 120 : 65,
      severity: "error",
      description: `Migration failed (VM: ${vm.name}, Source: ${source.name}${toServer ? `, Destination: ${destination.name}` : ""}).`,
    });
    this.#end(migration, "failed");
  }

  #end({ vm, job }: Migration, status: "finished" | "failed"): void {
    vm.beingMigrated = false;
    job.status = status;
    job.endTime = new Date();
  }

  #reserve(vf: string, vm: string | undefined): void {
    const nic = virtualFunction(this.model, vf);
    if (nic !== undefined) nic.usedBy = vm;
  }

  #report({ vm, source, caller }: Migration, event: Pick<Event, "code" | "severity" | "description">): void {
    this.model.report({ ...event, vm: vm.id, host: source.id, correlationId: caller.correlationId });
  }
}

/**
 * MigrateVmCommand and MigrateVmToServerCommand with their flow, as measured on an engine: the VFs of the destination are
 * set aside and those of the source unplugged one after the other, all before the answer; the VM migrates, is up on the
 * destination, and a while later the VFs are plugged there, one after the other; then comes the event of its end.
 *
 * The job tells nothing: with a VF it is finished when the answer comes. Nothing is locked, either: a NIC can be touched
 * as soon as the VM is up, and then is in the engine's way.
 *
 * With the engine's defects: a migration that fails leaves the VM on the source without its VFs; what can't be plugged
 * again stays unplugged, and only an event says so; a second attempt on another host is made without a look at its VFs.
 */
import type { Disruptions } from "../disruptions.js";
import { about, reportPlug, reportRefresh } from "../events.js";
import { commandFault, EngineFault, listed, restFault } from "../fault.js";
import { attach, freeVfs, HotPlugRefused, nicAlias, virtualFunction } from "../hypervisor.js";
import { named, newId, type Event, type Host, type Job, type Model, type Nic, type Vm } from "../model.js";
import type { Pace } from "../pace.js";
import { migrateVm, schedule, validateMigration, vfsFor } from "../rules/migration.js";
import { isPassthrough } from "../rules/nic.js";
import type { Caller } from "./caller.js";
import { activate, deactivate, plug, unplug } from "./plug.js";
import { finished } from "./power.js";

export interface MigrationRequest {
  /** Undefined: there is none of that id. */
  readonly vm: Vm | undefined;
  /** As the path has it. */
  readonly id: string;
  /** Id or name; undefined: the engine chooses, and tries another one when it fails. */
  readonly host?: { readonly id?: string | undefined; readonly name?: string | undefined } | undefined;
  readonly caller: Caller;
  /** The engine's own: for maintenance or balancing. Default: a user's. */
  readonly bySystem?: boolean;
}

interface Migration {
  readonly vm: Vm;
  readonly source: Host;
  readonly destination: Host;
  /** Where to try next when it fails. */
  readonly further: readonly Host[];
  /** The command's `cachedVmPassthroughNics`. */
  readonly unplugged: readonly Nic[];
  /** VF of each NIC; undefined on a second attempt, for which it was not looked for (`vnicToVfMap` is null). */
  readonly vfs: ReadonlyMap<string, string> | undefined;
  readonly toServer: boolean;
  readonly bySystem: boolean;
  readonly job: Job;
  readonly caller: Caller;
}

/** Per cent, as the steps of a migration report it. */
const progress = [0, 24, 49, 74, 99];

export class Migrations {
  /** Those under way, by the VM's id. */
  readonly #running = new Map<string, Migration>();
  readonly #begun = new Set<Migration>();
  /** One has come to its end since the engine was started. */
  #arrived = false;
  /** Those whose command is gone: the VM may arrive, and nothing follows. */
  readonly #forgotten = new WeakSet<Migration>();

  constructor(
    private readonly model: Model,
    private readonly pace: Pace,
    private readonly disruptions: Disruptions,
  ) {}

  /** @throws EngineFault when nothing was begun. */
  async start(request: MigrationRequest): Promise<Job> {
    const { vm, id, caller } = request;
    const toServer = request.host !== undefined;
    const sought = request.host === undefined ? undefined : this.#named(request.host);
    try {
      if (vm === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_NOT_FOUND"], migrateVm);
      return await this.#start(vm, toServer, sought, request);
    } catch (error) {
      const texts = error instanceof EngineFault ? (error.texts ?? []) : [];
      // Without a message it is no refusal: what failed has been told.
      if (texts.length > 0) {
        const source = this.model.hosts.get(vm?.host ?? "");
        finished(this.model, `Migrating VM ${vm?.name ?? id}`, caller).status = "failed";
        this.model.report({
          code: 65,
          severity: "error",
          ...(vm === undefined ? caller : about(vm, caller)),
          description: `Migration failed due to a failed validation: [${texts.join(", ")}] (VM: ${vm?.name ?? "<UNKNOWN>"}, Source: ${source?.name ?? "<UNKNOWN>"}).`,
        });
      }
      throw error;
    }
  }

  /** An engine that is restarted has lost its commands: VMs arrive, nothing is plugged, and no end is told. */
  forget(): void {
    for (const migration of this.#begun) this.#forgotten.add(migration);
    this.#arrived = false;
  }

  /**
   * The VM stays where it is, or arrives all the same where it is late, and without its VFs in both cases; what was set
   * aside for it on the destination stays so (CancelMigrateVDSCommand.java).
   * @throws EngineFault when it does not migrate.
   */
  cancel(vm: Vm | undefined, caller: Caller): Job {
    if (vm === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_NOT_FOUND"], { action: "cancel", type: "VM" });
    const migration = this.#running.get(vm.id);
    if (vm.status !== "migrating" || migration === undefined) {
      throw commandFault(["VM_CANNOT_CANCEL_MIGRATION_WHEN_VM_IS_NOT_MIGRATING"], {});
    }
    if (this.disruptions.take("cancelled-late", { vm: vm.name })) this.#forgotten.add(migration);
    else this.#stays(migration, "kept");
    this.model.report({
      code: 161,
      severity: "normal",
      ...about(vm, caller),
      description: `Migration cancelled (VM: ${vm.name}, Source: ${migration.source.name}, User: ${caller.user}).`,
    });
    if (migration.job.status === "started") endJob(migration.job, "failed");
    return finished(this.model, `Cancelling Migration of VM ${vm.name}`, caller);
  }

  /** Those whose destination goes into maintenance. */
  cancelTo(host: Host, caller: Caller): void {
    for (const { vm, destination } of [...this.#running.values()]) if (destination === host) this.cancel(vm, caller);
  }

  async #start(
    vm: Vm,
    toServer: boolean,
    sought: Host | undefined,
    { caller, bySystem = false }: MigrationRequest,
  ): Promise<Job> {
    validateMigration({ model: this.model, vm });
    const chosen = toServer ? destinationOf(sought, vm) : undefined;
    const candidates = [...this.model.hosts.values()].filter(({ cluster }) => cluster === vm.cluster);
    const [destination, ...further] = schedule(
      this.model,
      vm,
      (chosen === undefined ? candidates : [chosen]).filter(({ status, id }) => status === "up" && id !== vm.host),
    );
    const source = vm.host === undefined ? undefined : this.model.hosts.get(vm.host);
    if (source === undefined) throw commandFault(["ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING"], migrateVm);

    const vfs = vfsFor(this.model, vm, destination).chosen;
    for (const vf of vfs.values()) this.#reserve(vf, vm.id);
    const unplugged = vm.nics.filter((nic) => isPassthrough(nic) && nic.plugged);
    const job: Job = {
      id: newId(),
      description: toServer ? `Migrating VM ${vm.name} to Host ${destination.name}` : `Migrating VM ${vm.name}`,
      correlationId: caller.correlationId,
      status: "started",
      startTime: new Date(),
    };
    const migration = { vm, source, destination, further, unplugged, vfs, toServer, bySystem, job, caller };
    try {
      for (const nic of unplugged) await this.#unplug(migration, nic);
    } catch (error) {
      freeVfs(destination, vm.id);
      throw error;
    }
    this.model.jobs.set(job.id, job);
    this.#begin(migration);
    // The commands that unplug end the job's only step, and with it the job.
    if (unplugged.length > 0) endJob(job, "finished");
    return job;
  }

  /** @throws EngineFault without the reason: that is in events only. */
  async #unplug(migration: Migration, nic: Nic): Promise<void> {
    const { vm, source, caller } = migration;
    const slow = this.disruptions.take("unplug-slow", { vm: vm.name, nic: nic.name });
    await this.pace.pass(slow?.milliseconds ?? this.pace.durations.unplug);
    if (this.disruptions.take("unplug-fails", { vm: vm.name, nic: nic.name })) {
      reportPlug(
        this.model,
        { vm, nic, user: caller.user, host: source },
        false,
        "Timeout waiting for the device's removal",
      );
      this.#reportFailure(migration);
      throw listed(400, []);
    }
    unplug(this.model, vm, nic, deactivate, { withFailover: false, user: caller.user });
  }

  /** @throws EngineFault for a name that no host has. An id that none has is the command's to refuse. */
  #named(sought: { readonly id?: string | undefined; readonly name?: string | undefined }): Host | undefined {
    if (sought.id !== undefined) return this.model.hosts.get(sought.id);
    const host = named(this.model.hosts, sought.name ?? "");
    if (host === undefined) throw new NoSuchName(sought.name ?? "");
    return host;
  }

  #begin(migration: Migration): void {
    const { vm, source, destination, caller } = migration;
    vm.status = "migrating";
    this.#running.set(vm.id, migration);
    this.#begun.add(migration);
    this.#report(
      migration,
      migration.bySystem
        ? {
            code: 67,
            severity: "normal",
            description: `Migration initiated by system (VM: ${vm.name}, Source: ${source.name}, Destination: ${destination.name}, Reason: ).`,
          }
        : {
            code: 62,
            severity: "normal",
            description: `Migration started (VM: ${vm.name}, Source: ${source.name}, Destination: ${destination.name}, User: ${caller.user}). `,
          },
    );
    this.#progress(migration, 0);
  }

  #progress(migration: Migration, step: number): void {
    migration.vm.migrationProgress = progress[step];
    this.pace.then(() => {
      if (this.#running.get(migration.vm.id) !== migration) return;
      if (step + 1 < progress.length) this.#progress(migration, step + 1);
      else if (this.disruptions.take("vm-crashes", { vm: migration.vm.name })) this.#crash(migration);
      else if (this.disruptions.take("migration-fails", { vm: migration.vm.name })) this.#fail(migration);
      else this.#arrive(migration);
    });
  }

  /** The VM is up on the destination, without its VFs; that the migration is over is not told yet. */
  #arrive(migration: Migration): void {
    const { vm, destination } = migration;
    this.#running.delete(vm.id);
    vm.status = "up";
    vm.host = destination.id;
    if (this.#forgotten.has(migration)) return;
    const late = this.disruptions.take("replug-late", { vm: vm.name });
    const { beforeFirstReplug, beforeReplug } = this.pace.durations;
    const usual = this.#arrived ? beforeReplug : beforeFirstReplug;
    this.#arrived = true;
    this.pace.then(() => void this.#end(migration), late?.milliseconds ?? usual);
  }

  async #end(migration: Migration): Promise<void> {
    if (this.#forgotten.has(migration)) return;
    const { vm, source, destination, vfs, unplugged, job } = migration;
    try {
      const lost: Nic[] = [];
      for (const nic of unplugged) if (!(await this.#replugged(migration, nic))) lost.push(nic);
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
    this.#report(migration, {
      code: 63,
      severity: "normal",
      description: `Migration completed (VM: ${vm.name}, Source: ${source.name}, Destination: ${destination.name}, Duration: 1 second, Total: 1 second, Actual downtime: 42ms)`,
    });
    if (job.status === "started") endJob(job, "finished");
  }

  /**
   * The VF is in the domain from the begin, and the NIC plugged at the end: who plugs it meanwhile is refused.
   * @throws TypeError where no VFs were set aside, as the engine's NullPointerException.
   */
  async #replugged({ vm, vfs, destination, caller }: Migration, nic: Nic): Promise<boolean> {
    const vf = vfs?.get(nic.id);
    const plugged = { vm, nic, user: caller.user, host: destination };
    try {
      // Removed in the meantime: nothing forbids that.
      if (!vm.nics.includes(nic)) throw new HotPlugRefused("no such NIC");
      if (vf === undefined) {
        plug(this.model, vm, nic, activate, { withFailover: false, user: caller.user });
        return true;
      }
      if (this.disruptions.take("vf-not-replugged", { vm: vm.name, nic: nic.name })) {
        await this.pace.pass(this.pace.durations.plug);
        throw new HotPlugRefused("internal error: unable to execute QEMU command 'device_add': vfio: device is in use");
      }
      attach(vm, { alias: nicAlias(nic), mac: nic.mac, kind: "hostdev", vf });
    } catch (error) {
      if (error instanceof HotPlugRefused) reportPlug(this.model, plugged, true, error.message);
      else if (!(error instanceof EngineFault)) throw error;
      if (vfs === undefined) throw new TypeError("vnicToVfMap is null");
      if (vf !== undefined) this.#reserve(vf, undefined);
      return false;
    }
    if (this.pace.durations.plug > 0) await this.pace.pass(this.pace.durations.plug);
    nic.plugged = true;
    reportPlug(this.model, plugged, true);
    reportRefresh(this.model, destination, caller.user);
    return true;
  }

  /** The destination's VFs are returned; the source's are not plugged again. */
  #fail(migration: Migration): void {
    const { vm, destination, further, job } = migration;
    this.#stays(migration);
    const [next, ...rest] = further;
    if (next !== undefined) {
      this.#report(migration, {
        code: 128,
        severity: "warning",
        description: `Failed to migrate VM ${vm.name} to Host ${destination.name} . Trying to migrate to another Host.`,
      });
      this.#begin({ ...migration, destination: next, further: rest, vfs: undefined });
      return;
    }
    this.#reportFailure(migration);
    if (job.status === "started") endJob(job, "failed");
  }

  #stays({ vm, destination }: Migration, reserved: "kept" | "returned" = "returned"): void {
    this.#running.delete(vm.id);
    if (reserved === "returned") freeVfs(destination, vm.id);
    vm.status = "up";
  }

  /** VmAnalyzer.java abortVmMigration: the event has no correlation id, and the command says nothing more. */
  #crash({ vm, source, destination }: Migration): void {
    this.#running.delete(vm.id);
    freeVfs(destination, vm.id);
    vm.devices = [];
    vm.host = undefined;
    vm.status = "down";
    this.model.report({
      code: 64,
      severity: "error",
      vm: vm.id,
      host: source.id,
      description: `Migration failed: Lost connection with qemu process (VM: ${vm.name}, Source: ${source.name}).`,
    });
  }

  #reportFailure(migration: Migration): void {
    const { vm, source, destination, toServer } = migration;
    this.#report(migration, {
      code: toServer ? 120 : 65,
      severity: "error",
      description: `Migration failed  (VM: ${vm.name}, Source: ${source.name}${toServer ? `, Destination: ${destination.name}` : ""}).`,
    });
  }

  #reserve(vf: string, vm: string | undefined): void {
    const nic = virtualFunction(this.model, vf);
    if (nic !== undefined) nic.usedBy = vm;
  }

  #report({ vm, source, caller }: Migration, event: Pick<Event, "code" | "severity" | "description">): void {
    this.model.report({ ...about(vm, caller), ...event, host: source.id });
  }
}

/** A host that a request names and that is not there: the REST layer's own answer, and not in the action. */
export class NoSuchName extends Error {
  override readonly name = "NoSuchName";

  constructor(readonly sought: string) {
    super(sought);
  }

  get fault(): EngineFault {
    return restFault(404, `Entity not found: ${this.sought}`);
  }
}

/** @throws EngineFault */
function destinationOf(host: Host | undefined, vm: Vm): Host {
  if (host === undefined) throw commandFault(["VDS_INVALID_SERVER_ID"], migrateVm);
  if (host.status !== "up") {
    throw commandFault(["ACTION_TYPE_FAILED_VDS_STATUS_ILLEGAL"], { ...migrateVm, hostStatus: "Up" });
  }
  if (host.cluster !== vm.cluster) throw commandFault(["ACTION_TYPE_FAILED_MIGRATE_BETWEEN_TWO_CLUSTERS"], migrateVm);
  return host;
}

function endJob(job: Job, status: "finished" | "failed"): void {
  job.status = status;
  job.endTime = new Date();
}

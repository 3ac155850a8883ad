/** What the VMs of the engine's cluster are like: where each runs, its VFs, and whether it migrates. Pure reading. */
import {
  listHosts,
  listVms,
  migrationGoesOnIn,
  migrationProgress,
  recentEvents,
  type EngineHost,
  type EngineNic,
  type EngineVm,
} from "../../../backends/ovirt/rest/index.js";
import { pairReader, type EnginePair } from "../../../handlers/ovirt/pairs.js";
import type { Engine } from "../../../handlers/ovirt/session.js";
import { hasUnpluggedDevice, nicsWithoutVf, requireVm } from "../../../handlers/ovirt/vm.js";

export interface EngineVmSurvey {
  readonly vm: EngineVm;
  /** The name of the host on which it runs. */
  readonly host: string | undefined;
  readonly pairs: readonly EnginePair[];
  /** Those that a migration has lost, by the engine's events: the VM runs on their standby alone. */
  readonly missing: readonly EngineNic[];
  /** Other unplugged ones of which the guest reports a standby. Perhaps a migration has lost them: only a person knows. */
  readonly reported: readonly EngineNic[];
  /** The engine is not done with a migration: it migrates, or its VFs are to be plugged yet. */
  readonly underWay: boolean;
  /** Per cent, while it migrates. */
  readonly percent: number | undefined;
}

export interface EngineSurvey {
  readonly hosts: readonly EngineHost[];
  readonly vms: readonly EngineVmSurvey[];
}

/** How many VMs are asked about at once. */
const atOnce = 8;

/** Every VM of the stack's cluster by name, or the named one. @throws ProblemError when there is no such VM. */
export async function surveyEngine(engine: Engine, only?: string): Promise<EngineSurvey> {
  const { client, cluster } = engine;
  const [{ id: own }, everyHost, events] = await Promise.all([cluster(), listHosts(client), recentEvents(client)]);
  const hosts = everyHost.filter((host) => host.cluster === own);
  const wanted =
    only === undefined
      ? (await listVms(client)).filter((vm) => vm.cluster === own).toSorted(byName)
      : [await requireVm(engine, only)];
  const reader = pairReader(client);
  const survey = async (vm: EngineVm): Promise<EngineVmSurvey> => {
    const pairs = await reader.of(vm);
    const open = pairs.flatMap(({ nic }) => (nic.plugged ? [] : [nic]));
    const underWay = vm.status === "migrating" || (vm.status !== "down" && migrationGoesOnIn(events, vm.id));
    // While it migrates every VF is unplugged.
    const missing = underWay || open.length === 0 ? [] : await nicsWithoutVf(client, vm, []);
    const others = underWay ? [] : open.filter(({ id }) => missing.every((nic) => nic.id !== id));
    const seen = await Promise.all(others.map((nic) => hasUnpluggedDevice(client, vm, nic)));
    return {
      vm,
      host: hosts.find(({ id }) => id === vm.host)?.name,
      pairs,
      missing,
      reported: others.filter((_, index) => seen[index]),
      underWay,
      percent: vm.status === "migrating" ? await migrationProgress(client, vm.id) : undefined,
    };
  };
  const vms: EngineVmSurvey[] = [];
  for (let first = 0; first < wanted.length; first += atOnce)
    vms.push(...(await Promise.all(wanted.slice(first, first + atOnce).map(survey))));
  return { hosts, vms };
}

function byName({ name: one }: EngineVm, { name: other }: EngineVm): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

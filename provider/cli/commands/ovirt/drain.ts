/** `vnic-failover drain` on oVirt, and its undoing: many moves that the engine makes, by a plan of this package's. */
import {
  emptyList,
  findVm,
  listHosts,
  listVms,
  type EngineHost,
  type EngineVm,
} from "../../../backends/ovirt/rest/index.js";
import { moveOnEngine } from "../../../handlers/ovirt/move.js";
import { isAtRest } from "../../../handlers/ovirt/under-maintenance.js";
import type { Engine } from "../../../handlers/ovirt/session.js";
import { isRunning } from "../../../handlers/ovirt/vm.js";
import { elsewhere, planDrain } from "../../../drain/plan.js";
import { readDrainReport, type DrainedVm } from "../../../drain/report.js";
import { ProblemError } from "../../../model/problem.js";
import type { Answer } from "../../command.js";
import type { GivenOptions } from "../index.js";
import type { DrainRequest } from "../libvirt/drain.js";
import type { FoundVm } from "../../../drain/facts.js";
import type { UndoRequest } from "../libvirt/drain-undo.js";
import { carryOut, movedOn, type Mover } from "../many-moves.js";
import { mayHaveMoved, planUndo, type UndoState } from "../undo-plan.js";
import type { NextOfStacks } from "../../output/stacks-next.js";
import { commandAdvice, refuseForeignOptions, type EngineContext } from "./context.js";
import { engineDrainFacts } from "./drain-facts.js";
import { paragraph, putIntoMaintenance } from "./maintenance.js";
import { engineHeadlines } from "./migrate.js";

export async function engineDrain(context: EngineContext, request: DrainRequest & GivenOptions): Promise<Answer> {
  refuseForeignOptions(request.given);
  const { engine } = context;
  const hosts = await hostsOf(engine);
  const source = hostNamed(hosts, request.host);
  const to = destinationsOf(hosts, source, request.to);
  const facts = async () => engineDrainFacts(engine, await runningOn(engine, source), to, namesOf(hosts));
  const { vms, destinations } = await facts();
  const answer = await carryOut(
    context,
    request,
    {
      kind: "drain",
      host: source.name,
      vms,
      plan: planDrain(vms, destinations),
      unreachable: [],
      next: { ...nextOf(source, context), maintenanceFollows: request.maintenance === true },
      headlines: engineHeadlines,
    },
    engineMover(context, request.options, vms),
    async (failed) => {
      const now = await facts();
      return planDrain(elsewhere(now.vms, failed), now.destinations);
    },
  );
  if (request.maintenance !== true) return answer;
  if (request.dryRun === true) return paragraph(answer, `Then the engine would put "${source.name}" into maintenance.`);
  const left = await keepingBusy(engine, source);
  return putIntoMaintenance(context, { host: source, left, answer });
}

/** @throws ProblemError when the file is no drain's report, or a host that a VM came from takes none. */
export async function engineUndoDrain(context: EngineContext, request: UndoRequest & GivenOptions): Promise<Answer> {
  refuseForeignOptions(request.given);
  const { engine } = context;
  const { host, vms: drained } = await readDrainReport(request.file);
  const hosts = await hostsOf(engine);
  const states = await Promise.all(drained.map((vm) => stateOf(engine, hosts, vm)));
  const back = states.flatMap((state) => ("vm" in state ? state : []));
  const origins = [...new Set(back.map(({ drained: { from } }) => from))].map((name) => hostNamed(hosts, name));
  for (const origin of origins) requireUp(origin, `undo the drain of "${host}"`);
  const facts = await engineDrainFacts(
    engine,
    back.map(({ vm }) => vm),
    origins,
    namesOf(hosts),
  );
  const origin = new Map(back.map(({ drained: { from }, vm }) => [vm.name, from]));
  const names = origins.map(({ name }) => name);
  const source = hosts.find(({ name }) => name === host);
  return carryOut(
    context,
    request,
    {
      ...planUndo(states, origin, names, facts),
      host,
      unreachable: [],
      next: nextOf(source, context),
      headlines: engineHeadlines,
    },
    engineMover(context, request.options, facts.vms),
  );
}

/** The VM that was planned, by its id, from the host that it was planned from. */
function engineMover(
  { engine, signal }: EngineContext,
  options: DrainRequest["options"],
  vms: readonly FoundVm[],
): Mover {
  const found = new Map(vms.map((vm) => [vm.name, vm]));
  return async ({ vm: name, to }, progress) => {
    const planned = found.get(name);
    if (planned === undefined) return undefined;
    await requireAsPlanned(engine, planned);
    return moveOnEngine(engine, { vm: planned.uuid, to, options, progress, advice: commandAdvice, signal });
  };
}

async function requireAsPlanned({ client }: Engine, { name, uuid, from }: FoundVm): Promise<void> {
  const vm = await findVm(client, uuid);
  const host = vm?.host === undefined ? undefined : (await listHosts(client)).find(({ id }) => id === vm.host);
  if (host?.name === from) return;
  if (vm === undefined) throw movedOn({ name, from }, "the engine no longer has it");
  throw movedOn({ name, from }, host === undefined ? "it is not running" : `it is on "${host.name}" now`);
}

type State = UndoState<{ readonly vm: EngineVm }>;

async function stateOf({ client }: Engine, hosts: readonly EngineHost[], drained: DrainedVm): Promise<State> {
  const { vm: name, uuid, from, to, outcome } = drained;
  const skipped = (why: string): State => ({ skipped: { vm: name, why } });
  if (!mayHaveMoved.has(outcome)) return skipped("the drain did not move it");
  const vm = await findVm(client, uuid);
  if (vm === undefined) return skipped("the engine no longer has it");
  if (!isRunning(vm) || vm.host === undefined) return skipped("it is not running");
  const on = hosts.find(({ id }) => id === vm.host)?.name;
  if (on === to) return { drained, vm };
  return skipped(
    on === from
      ? `it is on "${from}" already`
      : `it has since moved to ${on === undefined ? "another cluster" : `"${on}"`}`,
  );
}

async function hostsOf({ client, cluster }: Engine): Promise<readonly EngineHost[]> {
  const [{ id: own }, hosts] = await Promise.all([cluster(), listHosts(client)]);
  if (hosts.length === 0) throw emptyList("hosts", client.where);
  return hosts.filter((host) => host.cluster === own);
}

async function runningOn({ client }: Engine, { id }: EngineHost): Promise<readonly EngineVm[]> {
  return (await listVms(client)).filter((vm) => vm.host === id && isRunning(vm));
}

/** The VMs of the host, and those that migrate: where to, the engine does not tell before they are there. */
async function keepingBusy({ client }: Engine, { id }: EngineHost): Promise<readonly EngineVm[]> {
  return (await listVms(client)).filter((vm) => isRunning(vm) && (vm.host === id || vm.status === "migrating"));
}

function destinationsOf(
  hosts: readonly EngineHost[],
  source: EngineHost,
  named: readonly string[] | undefined,
): readonly EngineHost[] {
  const others = hosts.filter(({ id }) => id !== source.id);
  const to =
    named === undefined ? others.filter(({ status }) => status === "up") : named.map((name) => hostNamed(hosts, name));
  for (const host of to) requireUp(host, `drain "${source.name}" to "${host.name}"`);
  if (to.length === 0 || to.includes(source)) {
    throw new ProblemError({
      code: "drain-without-destination",
      what: to.includes(source)
        ? `Unable to drain "${source.name}" to itself`
        : `Unable to drain "${source.name}": its oVirt cluster has no other host that is up`,
      remedy: to.includes(source)
        ? "Name other hosts with --to."
        : "Activate a host that can take the VMs, in the Administration Portal.",
    });
  }
  return [...new Set(to)];
}

function hostNamed(hosts: readonly EngineHost[], nameOrId: string): EngineHost {
  const host = hosts.find(({ name }) => name === nameOrId) ?? hosts.find(({ id }) => id === nameOrId);
  if (host !== undefined) return host;
  throw new ProblemError({
    code: "host-unknown",
    what: `Unable to find host "${nameOrId}" in the stack's oVirt cluster, which has ${hosts.map(({ name }) => `"${name}"`).join(", ")}`,
    remedy: "Name one of these.",
  });
}

function requireUp(host: EngineHost, action: string): void {
  if (host.status === "up") return;
  throw new ProblemError({
    code: isAtRest(host) ? "drain-to-maintenance" : "drain-to-host-not-up",
    what: `Unable to ${action}: host "${host.name}" is in status ${host.status}, and the engine migrates only to hosts that are up`,
    state: "Nothing was changed.",
    remedy: "Activate it in the Administration Portal first.",
  });
}

function namesOf(hosts: readonly EngineHost[]): ReadonlyMap<string, string> {
  return new Map(hosts.map(({ id, name }) => [id, name]));
}

function nextOf(host: EngineHost | undefined, { configuration }: EngineContext): NextOfStacks {
  return { maintenance: host !== undefined && isAtRest(host), configuration, decides: "the engine" };
}

/** `vnic-failover drain`: moves every running VM away from a host, as far as the others have room. */
import { isUnderMaintenance } from "../../../config/index.js";
import { ProblemError } from "../../../model/problem.js";
import { elsewhere, planDrain } from "../../../drain/plan.js";
import type { MigrationOptions } from "../../../migration/options.js";
import type { Answer, CommandContext } from "../../command.js";
import { drainFacts } from "../../../drain/facts.js";
import { carryOut, moverOf, type ManyMovesRequest } from "../many-moves.js";
import { endMaintenance, nextOfStacks, setMaintenance } from "../../output/stacks-next.js";

export interface DrainRequest extends ManyMovesRequest {
  readonly host: string;
  /** Where the VMs may go. Default: every other host of the cluster that is not under maintenance. */
  readonly to?: readonly string[] | undefined;
  readonly options: MigrationOptions;
  /** Put the host into maintenance as well: the engine's, on oVirt only. */
  readonly maintenance?: boolean | undefined;
}

export async function drain(context: CommandContext, request: DrainRequest): Promise<Answer> {
  const { cluster, configuration } = context;
  const { host, options, maintenance = false } = request;
  if (maintenance) throw maintenanceIsTheStacks(host, configuration);
  const to = destinationsOf(context, request);
  const { vms, destinations, unreachable } = await drainFacts(cluster, host, to, options);
  return carryOut(
    context,
    request,
    { kind: "drain", host, vms, plan: planDrain(vms, destinations), unreachable, next: nextOfStacks(context, host) },
    moverOf(context, options, vms),
    async (failed) => {
      const now = await drainFacts(cluster, host, to, options);
      return planDrain(elsewhere(now.vms, failed), now.destinations);
    },
  );
}

function maintenanceIsTheStacks(host: string, configuration: CommandContext["configuration"]): ProblemError {
  return new ProblemError({
    code: "option-not-with-libvirt",
    what: "Unable to use --maintenance with libvirt: it applies to oVirt only",
    remedy: `Drain "${host}" without --maintenance, then run: ${setMaintenance(host, configuration)}`,
  });
}

function destinationsOf({ cluster, configuration }: CommandContext, { host, to }: DrainRequest): readonly string[] {
  cluster.host(host);
  const others = cluster.hosts.map(({ name }) => name).filter((name) => name !== host);
  const named = to ?? others.filter((name) => !isUnderMaintenance(cluster.config, name));
  for (const name of named) cluster.host(name);
  const resting = named.find((name) => isUnderMaintenance(cluster.config, name));
  if (resting !== undefined) {
    throw new ProblemError({
      code: "drain-to-maintenance",
      what: `Unable to drain "${host}" to "${resting}": that host is under maintenance, so no VM is moved to it`,
      remedy: `Name other hosts with --to, or end its maintenance: ${endMaintenance(resting, configuration)}`,
    });
  }
  if (named.includes(host) || named.length === 0) {
    throw new ProblemError({
      code: "drain-without-destination",
      what: named.includes(host)
        ? `Unable to drain "${host}" to itself`
        : others.length === 0
          ? `Unable to drain "${host}": the cluster has no other host`
          : `Unable to drain "${host}": every other host is under maintenance`,
      remedy:
        named.length === 0 && others.length > 0
          ? "End the maintenance of a host that can take the VMs."
          : "Name other hosts with --to.",
    });
  }
  return [...new Set(named)];
}

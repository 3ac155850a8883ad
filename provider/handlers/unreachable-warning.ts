/** A host or an engine that could not be asked, as the user hears of it at preview. */
import { HostRefused, HostUnreachable } from "../backends/libvirt/host-errors.js";
import { DriverMissing } from "../backends/libvirt/rpc/optional-drivers.js";
import type { UnreadableVm } from "../backends/libvirt/unreadable-vm.js";
import { EngineUnreachable } from "../backends/ovirt/rest/index.js";
import { unreachableHostsOf } from "../config/index.js";
import { reasonOf, remedyFor, type ProblemError } from "../model/problem.js";
import { PerCommand } from "./command-scope.js";
import type { CheckFailure, HandlerContext } from "./handler.js";

/** Hosts, engines and VMs that the user knows of. */
const warned = new PerCommand(() => new Set<string>());

/**
 * What a check makes of it. A failure where the login was refused or the host's key is not the right one, and where the
 * configuration says `unreachableHosts: error`. Else a warning, once for each host in a command, on the resource that noticed
 * first: a thousand that could not be checked have one cause.
 */
export function leftUnchecked(
  ctx: Pick<HandlerContext, "command" | "progress" | "config">,
  problem: ProblemError,
): readonly CheckFailure[] {
  if (isRefusal(problem)) return [{ property: "", reason: problem.message }];
  if (unreachableHostsOf(ctx.config) === "error") {
    return [
      {
        property: "",
        reason: told(
          problem,
          `Checks that need ${kindOf(problem)} could not be made, and vnic-failover:unreachableHosts is "error".`,
        ),
      },
    ];
  }
  // Its words differ: it was lost at first, and then could not be reached.
  const where = problem.problem.where ?? problem.message;
  const before = warned.of(ctx);
  if (before.has(where)) return [];
  before.add(where);
  ctx.progress.warn(told(problem, `Checks that need ${kindOf(problem)} were skipped.`));
  return [];
}

/** Warns of VMs whose interfaces are not known, once for each in a command: what is declared for others goes on. */
export function warnOfUnreadable(
  ctx: Pick<HandlerContext, "command" | "progress">,
  unreadable: readonly UnreadableVm[] = [],
): void {
  const before = warned.of(ctx);
  for (const vm of unreadable) {
    const sentence = told(vm, "The VM's interfaces are unknown.");
    if (before.has(sentence)) continue;
    before.add(sentence);
    ctx.progress.warn(sentence);
  }
}

function kindOf(problem: ProblemError): string {
  return problem instanceof HostUnreachable ? "this host" : "the engine";
}

/** What is wrong, how things stand, and what to do. */
function told(problem: ProblemError, state: string): string {
  return [`${reasonOf(problem)}.`, state, remedyFor(problem)].filter((part) => part !== undefined).join(" ");
}

/** Whether it answers, and waiting for it is no help: the login is refused, or a part of libvirt that is needed is not there. */
function isRefusal(problem: ProblemError): boolean {
  return (
    problem instanceof HostRefused ||
    problem instanceof DriverMissing ||
    (problem instanceof EngineUnreachable && problem.isRefusal)
  );
}

/** Placements at rest on oVirt: the engine says which hosts are under maintenance. */
import { listHosts, type EngineHost, type EngineVm } from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import type { HandlerContext } from "../handler.js";
import type { VmPlacementInputs } from "../inputs/vm-placement.js";
import { hostAtRest, tellOfRest } from "../under-maintenance.js";
import { spelledAs } from "./cluster-view.js";
import { engineOf } from "./session.js";
import { isRunning, vmIfAny } from "./vm.js";

/** In maintenance, or on the way to it: the engine moves the VMs away itself (types/HostStatus.java). */
const atRest: readonly string[] = ["maintenance", "preparing_for_maintenance"];

export function isAtRest({ status }: EngineHost): boolean {
  return atRest.includes(status);
}

/** Whether the host of that name or id is at rest, and the VM elsewhere. */
export function restsElsewhere(hosts: readonly EngineHost[], { host: on }: EngineVm, nameOrId: string): boolean {
  const named = hostNamed(hosts, nameOrId);
  return named !== undefined && isAtRest(named) && on !== undefined && on !== named.id;
}

/** The host that the inputs of a placement at rest have. Undefined: it does not rest. */
export async function restingHost(
  ctx: HandlerContext,
  vmName: string,
  nameOrId: string,
  olds: VmPlacementInputs | undefined,
): Promise<string | undefined> {
  const engine = engineOf(ctx);
  const hosts = await listHosts(engine.client);
  const named = hostNamed(hosts, nameOrId);
  if (named === undefined || !isAtRest(named)) return undefined;
  const vm = await vmIfAny(engine, vmName);
  if (vm === undefined) return undefined;
  tell(ctx, hosts, vm, named);
  const before = olds?.vm === vmName ? olds.host : undefined;
  const on = hosts.find(({ id }) => id === vm.host);
  return hostAtRest({ named: nameOrId, before, on: on && spelledAs(before, on) }, (each) => {
    const host = hostNamed(hosts, each);
    return host !== undefined && isAtRest(host);
  });
}

/** Says so where a VM is not on the host at rest that its placement names. */
export async function tellWhereAtRest(ctx: HandlerContext, vm: EngineVm, nameOrId: string): Promise<void> {
  const hosts = await listHosts(engineOf(ctx).client);
  const named = hostNamed(hosts, nameOrId);
  if (named !== undefined && isAtRest(named)) tell(ctx, hosts, vm, named);
}

/** Undefined where the engine or a name stands in the way: that is others' to say. */
export async function unlessProblem<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

/** A VM that is down is on no host. */
function tell(ctx: HandlerContext, hosts: readonly EngineHost[], vm: EngineVm, named: EngineHost): void {
  const on = hosts.find(({ id }) => id === vm.host);
  if (on !== undefined) tellOfRest(ctx, { vm: vm.name, on: on.name, named: named.name, runs: isRunning(vm) });
}

function hostNamed(hosts: readonly EngineHost[], nameOrId: string): EngineHost | undefined {
  return hosts.find(({ id, name }) => name === nameOrId || id === nameOrId);
}

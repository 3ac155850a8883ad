/** getVmPlacement: where a VM runs. */
import { z } from "zod";
import { DomainState } from "../../backends/libvirt/constants.js";
import { listHosts } from "../../backends/ovirt/rest/index.js";
import { engineOf } from "../ovirt/session.js";
import { requireVm } from "../ovirt/vm.js";
import { clusterOf } from "../libvirt/session.js";
import type { ClusterFunction } from "./function.js";

export interface GetVmPlacementArgs {
  readonly vm: string;
}

export interface GetVmPlacementResult {
  readonly vm: string;
  /** Absent: the VM is down, and the engine keeps it nowhere. */
  readonly host?: string;
  readonly state: string;
}

const states: Readonly<Record<number, string>> = {
  [DomainState.RUNNING]: "running",
  [DomainState.BLOCKED]: "running",
  [DomainState.PAUSED]: "paused",
  [DomainState.SHUTDOWN]: "shutting-down",
  [DomainState.SHUTOFF]: "shutoff",
  [DomainState.CRASHED]: "crashed",
  [DomainState.PMSUSPENDED]: "suspended",
};

export const getVmPlacement: ClusterFunction<GetVmPlacementArgs, GetVmPlacementResult> = {
  args: z.strictObject({ vm: z.string().min(1) }),
  over: {
    async libvirt(ctx, { vm }) {
      const { host, state } = await clusterOf(ctx).require(vm);
      return { vm, host: host.name, state: states[state] ?? "unknown" };
    },
    async ovirt(ctx, { vm }) {
      const engine = engineOf(ctx);
      const found = await requireVm(engine, vm);
      const host = (await listHosts(engine.client)).find(({ id }) => id === found.host)?.name;
      return { vm: found.name, ...(host !== undefined && { host }), state: found.status };
    },
  },
};

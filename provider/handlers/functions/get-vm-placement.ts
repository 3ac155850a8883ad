/** getVmPlacement: where a VM runs. */
import { DomainState } from "../../backends/libvirt/constants.js";
import { listHosts } from "../../backends/ovirt/rest/index.js";
import { engineOf } from "../ovirt/session.js";
import { requireVm } from "../ovirt/vm.js";
import { clusterOf } from "../libvirt/session.js";
import { functionTypes } from "../../model/functions.js";
import type { GetVmPlacementArgs, GetVmPlacementResult } from "../../model/values.js";
import type { ClusterFunction } from "./function.js";

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
  args: functionTypes.getVmPlacement.args.schema,
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

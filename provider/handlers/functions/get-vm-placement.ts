/** getVmPlacement: where a VM runs. */
import { domainStateName } from "../../backends/libvirt/domain-state.js";
import { listHosts } from "../../backends/ovirt/rest/index.js";
import { engineOf } from "../ovirt/session.js";
import { requireVm } from "../ovirt/vm.js";
import { clusterOf } from "../libvirt/session.js";
import { functionTypes } from "../../model/functions.js";
import type { GetVmPlacementArgs, GetVmPlacementResult } from "../../model/values.js";
import type { ClusterFunction } from "./function.js";

export const getVmPlacement: ClusterFunction<GetVmPlacementArgs, GetVmPlacementResult> = {
  args: functionTypes.getVmPlacement.args.schema,
  over: {
    async libvirt(ctx, { vm }) {
      const { host, state } = await clusterOf(ctx).require(vm);
      return { vm, host: host.name, state: domainStateName(state) };
    },
    async ovirt(ctx, { vm }) {
      const engine = engineOf(ctx);
      const found = await requireVm(engine, vm);
      const host = (await listHosts(engine.client)).find(({ id }) => id === found.host)?.name;
      return { vm: found.name, ...(host !== undefined && { host }), state: found.status };
    },
  },
};

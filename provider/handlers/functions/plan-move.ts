/** planMove: what moving a VM to a host would do, and whether it can. */
import type * as z from "zod";
import { isRefused, planMove as planOverLibvirt, type MovePlan } from "../../migration/plan.js";
import { moveSteps } from "../../migration/steps.js";
import { findingOf } from "../../rules/index.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import { judgeMove } from "../ovirt/move.js";
import { engineOf } from "../ovirt/session.js";
import { clusterOf } from "../libvirt/session.js";
import { functionTypes } from "../../model/functions.js";
import type { PlanMoveResult } from "../../model/values.js";
import type { ClusterFunction } from "./function.js";

const args = functionTypes.planMove.args.schema;

export const planMove: ClusterFunction<z.output<typeof args>, PlanMoveResult> = {
  args,
  over: {
    libvirt: async (ctx, { vm, host, migration }) =>
      planResult(await planOverLibvirt(clusterOf(ctx), vm, host, migration)),

    async ovirt(ctx, { vm: name, host }) {
      const { vm, destination, from, alreadyThere, findings } = await judgeMove(engineOf(ctx), { vm: name, to: host });
      return {
        vm: vm.name,
        ...(from !== undefined && { from }),
        to: destination.name,
        alreadyThere,
        refused: findings.some(({ severity }) => severity === "error"),
        findings: findings.map(findingOf),
        interfaces: [],
        steps: [],
      };
    },
  },
};

/** The plan in words and addresses. */
export function planResult(plan: MovePlan): PlanMoveResult {
  const { vm, from, to, alreadyThere, findings, interfaces, unplug, bridges } = plan;
  const refused = isRefused(plan);
  return {
    vm,
    ...(from !== undefined && { from }),
    to,
    alreadyThere,
    refused,
    findings: findings.map(findingOf),
    interfaces: interfaces.map(({ mac, network, standbyNetwork, sourceVf, destinationVf }) => ({
      mac,
      network,
      standbyNetwork,
      vfBefore: formatPciAddress(sourceVf),
      ...(destinationVf !== undefined && { vfAfter: formatPciAddress(destinationVf) }),
    })),
    ...(interfaces.length > 0 && !alreadyThere && { unplug }),
    ...(bridges !== undefined && { bridges: bridges.map((each) => ({ ...each })) }),
    steps: refused || alreadyThere ? [] : moveSteps.map(({ name, title }) => ({ name, title })),
  };
}

/** planMove: what moving a VM to a host would do, and whether it can. */
import { listHosts, lookUpHost } from "../../backends/ovirt/rest/index.js";
import { isRefused, planMove as planOverLibvirt, type MovePlan } from "../../migration/plan.js";
import { moveSteps } from "../../migration/steps.js";
import type { Violation } from "../../rules/index.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import { engineOf } from "../ovirt/session.js";
import { violationsOf } from "../ovirt/vm-placement.js";
import { requireVm } from "../ovirt/vm.js";
import { clusterOf } from "../libvirt/session.js";
import { functionTypes } from "../../model/functions.js";
import type { PlanMoveArgs, PlanMoveResult, PlanFinding } from "../../model/values.js";
import type { ClusterFunction } from "./function.js";

export const planMove: ClusterFunction<PlanMoveArgs, PlanMoveResult> = {
  args: functionTypes.planMove.args.schema,
  over: {
    libvirt: async (ctx, { vm, host }) => planResult(await planOverLibvirt(clusterOf(ctx), vm, host)),

    async ovirt(ctx, args) {
      const engine = engineOf(ctx);
      const vm = await requireVm(engine, args.vm);
      const [host, hosts] = await Promise.all([lookUpHost(engine.client, args.host), listHosts(engine.client)]);
      const from = hosts.find(({ id }) => id === vm.host)?.name;
      const alreadyThere = vm.host === host.id;
      const warnings: Violation[] = [];
      const errors = alreadyThere ? [] : await violationsOf(engine, vm, host, (violation) => warnings.push(violation));
      return {
        vm: vm.name,
        ...(from !== undefined && { from }),
        to: host.name,
        alreadyThere,
        refused: errors.length > 0,
        findings: [...errors, ...warnings.map((warning) => ({ ...warning, severity: "warning" }))].map(findingOf),
        interfaces: [],
        steps: [],
      };
    },
  },
};

/** The plan in words and addresses. */
export function planResult(plan: MovePlan): PlanMoveResult {
  const { vm, from, to, alreadyThere, findings, interfaces } = plan;
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
    steps: refused || alreadyThere ? [] : moveSteps.map(({ name, title }) => ({ name, title })),
  };
}

function findingOf({ rule, severity, message, remedy }: PlanFinding): PlanFinding {
  return { rule, severity, message, remedy };
}

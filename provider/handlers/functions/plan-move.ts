/** planMove: what moving a VM to a host would do, and whether it can. */
import { z } from "zod";
import { listHosts, lookUpHost } from "../../backends/ovirt/rest/index.js";
import { isRefused, planMove as planOverLibvirt, type MovePlan } from "../../migration/plan.js";
import { moveSteps } from "../../migration/steps.js";
import type { Violation } from "../../rules/index.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import { engineOf } from "../ovirt/session.js";
import { violationsOf } from "../ovirt/vm-placement.js";
import { requireVm } from "../ovirt/vm.js";
import { clusterOf } from "../libvirt/session.js";
import type { ClusterFunction } from "./function.js";

export interface PlanMoveArgs {
  readonly vm: string;
  readonly host: string;
}

export interface PlanMoveResult {
  readonly vm: string;
  /** Absent: the VM was found nowhere, or is down. */
  readonly from?: string;
  readonly to: string;
  readonly alreadyThere: boolean;
  readonly refused: boolean;
  readonly findings: readonly PlanFinding[];
  /** Empty on oVirt, whose engine chooses VFs when it migrates. */
  readonly interfaces: readonly PlannedMove[];
  /** Empty where nothing would be done, and on oVirt. */
  readonly steps: readonly PlannedStep[];
}

export interface PlanFinding {
  readonly rule: string;
  readonly severity: string;
  readonly message: string;
  readonly remedy: string;
}

export interface PlannedMove {
  readonly mac: string;
  readonly network: string;
  readonly standbyNetwork: string;
  readonly vfBefore: string;
  /** Absent: none is free there. */
  readonly vfAfter?: string;
}

export interface PlannedStep {
  readonly name: string;
  readonly title: string;
}

export const planMove: ClusterFunction<PlanMoveArgs, PlanMoveResult> = {
  args: z.strictObject({ vm: z.string().min(1), host: z.string().min(1) }),
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

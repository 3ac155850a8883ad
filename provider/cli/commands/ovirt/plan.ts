/** `vnic-failover plan` on oVirt: what the engine would do, and what stands in the way. Changes nothing. */
import { planOnEngine, type EngineMovePlan } from "../../../handlers/ovirt/move.js";
import type { Answer } from "../../command.js";
import { findingOf } from "../../../rules/index.js";
import { describeFindings } from "../../output/findings.js";
import type { PlanDocument } from "../../output/plan-document.js";
import { indented, paragraphs, table } from "../../output/table.js";
import type { GivenOptions } from "../index.js";
import { refuseForeignOptions, type EngineContext } from "./context.js";

/** What a move is made of on oVirt. Nothing of it can be undone one by one. */
const engineSteps = [
  { name: "reserve", title: "the engine chooses a VF for each NIC on the destination" },
  { name: "unplug", title: "the engine unplugs each VF; the guest continues on its standby" },
  { name: "migrate", title: "the VM migrates, by the migration policy of the cluster or VM" },
  { name: "plug", title: "the engine plugs a VF of the destination for each NIC" },
  {
    name: "verify",
    title: "vnic-failover checks that every VF is there, and plugs missing ones where possible",
  },
] as const;

export async function enginePlan(
  { engine }: EngineContext,
  { vm, to, given = [] }: { readonly vm: string; readonly to: string } & Partial<GivenOptions>,
): Promise<Answer> {
  refuseForeignOptions(given);
  const plan = await planOnEngine(engine, { vm, to });
  const refused = plan.findings.some(({ severity }) => severity === "error");
  return { outcome: refused ? "refused" : "ok", document: document(plan, refused), text: describe(plan, refused) };
}

function describe({ vm, from, destination, alreadyThere, findings, pairs }: EngineMovePlan, refused: boolean): string {
  if (alreadyThere) return paragraphs(`Nothing to do: VM "${vm.name}" is already on "${destination.name}".`);
  const rows = pairs.map(({ nic, standbyNetwork = "none", network, vf }) => [
    ...[nic.name, nic.mac, standbyNetwork, network],
    vf ?? "plugged",
  ]);
  const steps = engineSteps.map(({ name, title }, index) => [String(index + 1), name, title]);
  return paragraphs(
    `VM "${vm.name}": ${from === undefined ? "on no host" : `"${from}"`} -> "${destination.name}"`,
    indented(table(["nic", "mac", "standby", "network", "vf"], rows)),
    refused ? undefined : `Steps:\n${indented(table(["no", "step", "what"], steps))}`,
    describeFindings(findings),
    refused
      ? "The move would be refused; nothing would be changed."
      : "The move is possible as far as known; the engine's scheduler decides on VFs and memory.",
  );
}

function document(
  { vm, from, destination, alreadyThere, findings, pairs }: EngineMovePlan,
  refused: boolean,
): PlanDocument {
  return {
    vm: vm.name,
    from: from ?? null,
    to: destination.name,
    alreadyThere,
    refused,
    interfaces: pairs.map(({ nic, network, standbyNetwork, vf }) => ({
      nic: nic.name,
      mac: nic.mac,
      network,
      standbyNetwork: standbyNetwork ?? null,
      vfBefore: vf ?? null,
      // The engine chooses it when it is asked to migrate.
      vfAfter: null,
    })),
    findings: findings.map(findingOf),
    bridges: null,
    journal: null,
    unplug: null,
    steps: refused || alreadyThere ? [] : engineSteps,
  };
}

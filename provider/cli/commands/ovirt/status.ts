/** `vnic-failover status` on oVirt. */
import { spelledVf } from "../../../handlers/ovirt/vm.js";
import type { Answer } from "../../command.js";
import { paragraphs, table } from "../../output/table.js";
import type { EngineContext } from "./context.js";
import { surveyEngine, type EngineSurvey, type EngineVmSurvey } from "./survey.js";

export async function engineStatus(
  { engine }: EngineContext,
  { vm }: { readonly vm?: string | undefined },
): Promise<Answer> {
  return describeEngineSurvey(await surveyEngine(engine, vm));
}

/** The answer that the survey gives. Pure. */
export function describeEngineSurvey({ vms }: EngineSurvey): Answer {
  const broken = vms.filter(({ missing }) => missing.length > 0);
  return {
    outcome: "ok",
    document: {
      vms: vms.map(vmDocument),
      unreachableHosts: [],
      needRecovery: broken.map(({ vm }) => vm.name),
    },
    text: paragraphs(
      vms.length === 0
        ? "No VMs."
        : table(["vm", "state", "host", "nic", "mac", "standby", "network", "vf", "move"], vms.flatMap(rowsOf)),
      ...broken.map(({ vm, missing }) => `VM "${vm.name}" runs without ${missing.map(spelledVf).join(", ")}.`),
      broken.length === 0
        ? undefined
        : `Repair ${broken.map(({ vm }) => vm.name).join(", ")} with: vnic-failover recover`,
    ),
  };
}

/** A row for each passthrough NIC, or one for a VM that has none. */
function rowsOf(survey: EngineVmSurvey): string[][] {
  const { vm, host = "", pairs } = survey;
  const row = (...nic: readonly string[]) => [vm.name, vm.status, host, ...nic, moveOf(survey)];
  if (pairs.length === 0) return [row("", "", "", "", "")];
  return pairs.map(({ nic, standbyNetwork = "", network, vf }) =>
    row(nic.name, nic.mac, standbyNetwork, network, nic.plugged ? (vf ?? "plugged") : "none"),
  );
}

function moveOf({ underWay, percent }: EngineVmSurvey): string {
  if (!underWay) return "";
  return percent === undefined ? "under way, VFs to be plugged" : `under way, ${percent} %`;
}

function vmDocument(survey: EngineVmSurvey): object {
  const { vm, host, pairs, missing, underWay, percent } = survey;
  return {
    vm: vm.name,
    id: vm.id,
    state: vm.status,
    hosts: host === undefined ? [] : [host],
    interfaces: pairs.map(({ nic, standbyNetwork, network, vf }) => ({
      nic: nic.name,
      mac: nic.mac,
      // The engine's bridges have their network's name.
      bridge: standbyNetwork ?? null,
      standbyNetwork: standbyNetwork ?? null,
      network,
      plugged: nic.plugged,
      vf: vf ?? null,
    })),
    missing: missing.map(spelledVf),
    move: underWay ? { percent: percent ?? null, standing: "under way" } : null,
  };
}

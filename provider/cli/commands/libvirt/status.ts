/** `vnic-failover status`: where the VMs run, with which VFs, and in which move. Changes nothing. */
import { ownerStatus, type OwnerStatus } from "../../../migration/mover.js";
import { inWords } from "../../../migration/owed.js";
import { formatPciAddress } from "../../../backends/libvirt/xml/pci-address.js";
import type { Answer, CommandContext } from "../../command.js";
import { paragraphs, table } from "../../output/table.js";
import { needsRecovery, owedInWords, surveyVms, type ClusterSurvey, type VmSurvey } from "./vm-survey.js";

export async function status({ cluster }: CommandContext, { vm }: { vm?: string | undefined }): Promise<Answer> {
  const survey = await surveyVms(cluster, vm);
  if (vm !== undefined && survey.vms.length === 0 && survey.unreachable.length === 0) {
    throw cluster.unknownVm(vm);
  }
  return describeSurvey(survey);
}

const standings: Readonly<Record<OwnerStatus, string>> = {
  "at work": "under way",
  "perhaps at work": "in progress on another machine, or interrupted",
  gone: "interrupted",
};

/** The answer that the survey gives. Pure, but for whether the mover's process lives. */
export function describeSurvey({ vms, unreachable, answer }: ClusterSurvey): Answer {
  const problems = [...unreachable, ...vms.flatMap(({ problem }) => problem ?? [])];
  const broken = vms.filter((vm) => needsRecovery(vm, answer) && !isUnderWay(vm)).map(({ vm }) => vm);
  return {
    outcome: problems.length > 0 ? "refused" : "ok",
    document: {
      vms: vms.map(vmDocument),
      unreachableHosts: unreachable.map(({ host }) => host),
      needRecovery: broken,
    },
    text: paragraphs(
      vms.length === 0
        ? `No VMs${unreachable.length > 0 ? " on the hosts that answer" : ""}.`
        : table(
            ["vm", "state", "host", "mac", "bridge", "network", "vf", "move"],
            vms.flatMap((vm) => rowsOf(vm, isNameTwice(vms, vm))),
          ),
      ...namesTwice(vms).map(
        (name) =>
          `Several VMs have the name "${name}", so commands that name it are refused. Rename all but one (virsh domrename).`,
      ),
      ...vms
        .filter(({ missing }) => missing.length > 0)
        .map(({ vm, missing }) => `VM "${vm}" runs without ${missing.join(", ")}.`),
      ...vms.flatMap(({ vm, owed = [] }) => owed.map((entry) => owedInWords(vm, inWords(entry)))),
      broken.length === 0 ? undefined : `Repair ${broken.join(", ")} with: vnic-failover recover`,
    ),
    ...(problems.length > 0 && { errors: problems }),
  };
}

function isUnderWay({ journal }: VmSurvey): boolean {
  return journal !== undefined && ownerStatus(journal) !== "gone";
}

function isNameTwice(vms: readonly VmSurvey[], { vm, uuid }: VmSurvey): boolean {
  return vms.some((other) => other.vm === vm && other.uuid !== uuid);
}

function namesTwice(vms: readonly VmSurvey[]): readonly string[] {
  return [...new Set(vms.filter((vm) => isNameTwice(vms, vm)).map(({ vm }) => vm))];
}

/** A row for each interface, or one for a VM that has none. */
function rowsOf({ vm, uuid, state, hosts, interfaces, journal }: VmSurvey, withUuid: boolean): string[][] {
  const move =
    journal === undefined
      ? ""
      : `${journal.from} -> ${journal.to}, ${journal.step}, ${standings[ownerStatus(journal)]}`;
  const row = (mac = "", bridge = "", network = "", vf = "") => [
    withUuid ? `${vm} (${uuid ?? ""})` : vm,
    state,
    hosts.join(" and "),
    mac,
    bridge,
    network,
    vf,
    move,
  ];
  if (interfaces.length === 0) return [row()];
  return interfaces.map(({ mac, bridge, network, vf }) => row(mac, bridge, network, vf ?? "none"));
}

function vmDocument({ vm, uuid, state, hosts, interfaces, missing, journal, owed = [] }: VmSurvey): object {
  return {
    vm,
    ...(uuid !== undefined && { uuid }),
    state,
    hosts,
    interfaces: interfaces.map((nic) => ({
      mac: nic.mac,
      bridge: nic.bridge ?? null,
      standbyNetwork: nic.standbyNetwork ?? null,
      network: nic.network ?? null,
      vf: nic.vf ?? null,
    })),
    missing,
    owed: owed.map(({ host, move, vfs }) => ({ host, move, vfs: vfs.map(formatPciAddress) })),
    move:
      journal === undefined
        ? null
        : {
            from: journal.from,
            to: journal.to,
            step: journal.step,
            mover: journal.mover,
            started: journal.started,
            until: journal.until,
            standing: standings[ownerStatus(journal)],
          },
  };
}

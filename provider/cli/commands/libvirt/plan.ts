/** `vnic-failover plan`: what a move would do, and whether it can. Changes nothing. */
import { isRefused, planMove, type MovePlan, type PlannedInterface } from "../../../migration/plan.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../../migration/options.js";
import { moveSteps } from "../../../migration/steps.js";
import { unpluggingInWords } from "../../../migration/unplugging.js";
import { planResult } from "../../../handlers/functions/plan-move.js";
import { bridgeInWords } from "../../../migration/bridges.js";
import { formatPciAddress } from "../../../backends/libvirt/xml/pci-address.js";
import type { Answer, CommandContext } from "../../command.js";
import { describeFindings } from "../../output/findings.js";
import type { PlanDocument } from "../../output/plan-document.js";
import { indented, paragraphs, table } from "../../output/table.js";

export interface PlanRequest {
  readonly vm: string;
  readonly to: string;
  /** Of the move. Default: those that a move has. */
  readonly options?: MigrationOptions;
}

export async function plan(
  { cluster }: CommandContext,
  { vm, to, options = defaultMigrationOptions }: PlanRequest,
): Promise<Answer> {
  const found = await planMove(cluster, vm, to, options);
  const refused = isRefused(found);
  return {
    outcome: refused ? "refused" : "ok",
    document: planDocument(found),
    text: describePlan(found, refused),
  };
}

function describePlan(found: MovePlan, refused: boolean): string {
  const { vm, from, to, alreadyThere, findings, interfaces, journal, unplug, bridges = [] } = found;
  if (alreadyThere) return paragraphs(`Nothing to do: VM "${vm}" is already on "${to}".`, describeFindings(findings));
  const pairs = table(
    ["mac", "standby", "network", "vf", "destination vf"],
    interfaces.map((nic) => [
      nic.mac,
      nic.standbyNetwork,
      nic.network,
      formatPciAddress(nic.sourceVf),
      addressThere(nic) ?? "none free",
    ]),
  );
  const begun =
    journal === undefined
      ? undefined
      : `An unfinished move from "${journal.from}" to "${journal.to}" (at step ${journal.step}) is recorded in the VM's metadata; it would be completed or rolled back first.`;
  const steps = moveSteps.map(({ name, title }, index) => [String(index + 1), name, title]);
  return paragraphs(
    `VM "${vm}": ${from === undefined ? "not found on any host" : `"${from}"`} -> "${to}"`,
    pairs === "" ? undefined : indented(pairs),
    bridges.length === 0 ? undefined : bridges.map((each) => bridgeInWords(each, to)).join("\n"),
    begun,
    refused || interfaces.length === 0 ? undefined : `The VF leaves the guest ${unpluggingInWords(unplug)}.`,
    refused ? undefined : `Steps:\n${indented(table(["no", "step", "what"], steps))}`,
    describeFindings(findings),
    refused ? "The move would be refused; nothing would be changed." : "The move is possible.",
  );
}

function planDocument(found: MovePlan): PlanDocument {
  const { from = null, interfaces, bridges = null, ...plan } = planResult(found);
  const { journal } = found;
  return {
    ...plan,
    from,
    bridges,
    interfaces: interfaces.map((nic) => ({ ...nic, vfAfter: nic.vfAfter ?? null })),
    unplug: found.unplug,
    journal: journal === undefined ? null : { from: journal.from, to: journal.to, step: journal.step },
  };
}

function addressThere({ destinationVf }: PlannedInterface): string | undefined {
  return destinationVf === undefined ? undefined : formatPciAddress(destinationVf);
}

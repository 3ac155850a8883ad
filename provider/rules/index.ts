import { engineRules } from "./engine.js";
import { hostRules } from "./host.js";
import { interfaceRules } from "./interface.js";
import { placementRules } from "./placement.js";
import { placementDeclarationRules } from "./placement-declaration.js";
import { profileRules } from "./profile.js";
import type { Rule } from "./rule.js";
import { migrationXmlRules, teamingRules } from "./teaming.js";

/** A rule as the table prints it. */
export interface RuleRow extends Omit<Rule<never>, "find"> {
  readonly group: "profile" | "interface" | "teaming" | "migration-xml" | "placement" | "host" | "engine";
}

/** Every rule of the feature, each once. */
export const rules: readonly RuleRow[] = [
  ...rows("profile", [...new Set([...profileRules.add, ...profileRules.edit, ...profileRules.remove])]),
  ...rows("interface", interfaceRules),
  ...rows("teaming", teamingRules),
  ...rows("migration-xml", migrationXmlRules),
  ...rows("placement", [...placementDeclarationRules, ...placementRules]),
  ...rows("host", hostRules),
  ...rows("engine", engineRules),
];

function rows(group: RuleRow["group"], members: readonly Omit<Rule<never>, "find">[]): RuleRow[] {
  return members.map(({ id, title, engineId, engineText, source, checkedAt, severity, estimate }) => ({
    group,
    id,
    title,
    ...(engineId === undefined ? {} : { engineId }),
    ...(engineText === undefined ? {} : { engineText }),
    source,
    checkedAt,
    severity,
    ...(estimate === undefined ? {} : { estimate }),
  }));
}

export { engineRules, neededRoles, type EngineHealth } from "./engine.js";
export {
  hostRules,
  pfsOfHost,
  type AnsweringHost,
  type BridgeHealth,
  type ClusterHealth,
  type NetworkHealth,
  type PfHealth,
  type UnreachableHost,
  type VfHealth,
} from "./host.js";
export * from "./interface.js";
export { writtenFiles, type Disk, type Judgement } from "./judgement.js";
export { spelledSize, type FreeHugepages } from "./memory.js";
export type { Attachment, UnclearBridge } from "./attachments.js";
export type { MigrationPort } from "./migration-port.js";
export * from "./ignored.js";
export * from "./network.js";
export * from "./placement.js";
export * from "./placement-declaration.js";
export * from "./profile.js";
export * from "./rule.js";
export * from "./teaming.js";
export * from "../model/vf-matching.js";

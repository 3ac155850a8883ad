/** What a move did, for machines and for people. Holds no secret and no more of the guest than its addresses. */
import type { MoveReport } from "../../model/values.js";

export type { MovedInterface as InterfaceReport, MigrationJob as LibvirtJob, MoveReport } from "../../model/values.js";

export type MoveOutcome = MoveReport["outcome"];

/** For people: who has measured the downtime. */
export function downtimeLabel({ backend }: Pick<MoveReport, "backend">): string {
  return `downtime (${backend === "ovirt" ? "oVirt engine" : "libvirt"})`;
}

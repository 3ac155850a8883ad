/** The calls that change something on a host, in the order in which a run made them: the places where a fault can be injected. */
import type { ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import type { LabLike } from "./two-hosts.js";

export const changing: ReadonlySet<ProcedureName> = new Set<ProcedureName>([
  "domain_set_metadata",
  "domain_define_xml_flags",
  "domain_undefine_flags",
  "domain_destroy_flags",
  "domain_resume",
  "domain_reset",
  "domain_abort_job",
  "domain_attach_device_flags",
  "domain_detach_device_alias",
  "domain_migrate_begin3_params",
  "domain_migrate_prepare3_params",
  "domain_migrate_perform3_params",
  "domain_migrate_finish3_params",
  "domain_migrate_confirm3_params",
  "node_device_detach_flags",
  "node_device_re_attach",
  "network_define_xml_flags",
  "network_undefine",
  "domain_set_autostart",
]);

/** The `occurrence`-th call of a procedure on a host, counted from 0. */
export interface ChangingCall {
  readonly host: "host1" | "host2";
  readonly procedure: ProcedureName;
  readonly occurrence: number;
}

/** How many VMs were to come to host2, whatever became of that. */
export function prepared({ host2 }: Pick<LabLike, "host2">): number {
  return host2.journal.filter(
    (procedure, at) => procedure === "domain_migrate_prepare3_params" && !host2.rehearsals.has(at),
  ).length;
}

/** @param from where in each host's list of calls the run began. */
export function changingCalls(
  { hosts }: Pick<LabLike, "hosts">,
  from: readonly [number, number],
): readonly ChangingCall[] {
  return hosts.flatMap((host, index) => {
    const first = from[index] ?? 0;
    const made = host.journal.filter(
      (procedure, at) => at >= first && changing.has(procedure) && !host.rehearsals.has(at),
    );
    return made.map((procedure, at) => ({
      host: host.name as ChangingCall["host"],
      procedure,
      occurrence: made.slice(0, at).filter((each) => each === procedure).length,
    }));
  });
}

import * as z from "zod";
import { optional, required, resourceType } from "../describe.js";
import { migration } from "../migration.js";
import { moveReport } from "../move-report.js";

export const vmPlacement = resourceType({
  kind: "VmPlacement",
  doc: `Where a VM runs. A preview shows a move as \`host: "host1" => "host2"\` and refuses a move that is not possible; \`up\`
live-migrates the VM. For a new placement too, the preview announces the move if the VM runs on another host. Deleting the
resource leaves the VM where it is.

A VM has one placement: a second one is refused at preview, in the program and, with libvirt, in another stack. While the host
is under maintenance (\`hosts.<name>.maintenance\`, on oVirt the engine's own mode) the placement is suspended: there is
no diff and no move, and a message says where the VM is.

A move that fails leaves the VM with its VF on the host where it runs, and the state says where that is. On oVirt the engine
does the move and may fail to plug a VF again. \`up\` then plugs it if the engine allows that; otherwise it fails and says what is
missing and what to do.`,
  importBy: ["the VM's name", "web web"],
  inputs: {
    vm: required(z.string().min(1).max(255), "The VM's name; on oVirt the name or id of one in the stack's cluster.", {
      replaces: true,
    }),
    host: required(
      z.string().min(1),
      "The host that the VM is to run on, as the configuration names it; on oVirt its name or id. Changing it moves the VM, live.",
    ),
    migration: optional(migration.schema, "How a move is made.", { defaultText: "the default of each option" }),
  },
  outputs: {
    vmId: optional(
      z.string(),
      "The VM's UUID; on oVirt its id. The placement belongs to this VM. If another VM has the name now, that VM is not touched, and an update fails. Absent in states of older versions, until the next refresh or update.",
      { constant: true },
    ),
    lastMove: optional(
      moveReport.schema,
      "Report of the last move by this resource, at most 4 KiB; the full report is in `.vnic-failover/reports`, or in the folder of VNIC_FAILOVER_REPORTS. Absent if there was no move, and always on oVirt (see the engine's events).",
    ),
    missing: required(
      z.array(z.string()).readonly(),
      "VFs that the VM should have but does not have, in words. Empty if none is missing; otherwise `up` plugs them. On oVirt only VFs that this resource or the guest agent knows of.",
      { drift: true },
    ),
  },
});

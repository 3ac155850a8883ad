import * as z from "zod";
import { optional, required, resourceType } from "../describe.js";
import { migration } from "../migration.js";
import { moveReport } from "../move-report.js";

export const vmPlacement = resourceType({
  kind: "VmPlacement",
  doc: `Where a VM runs. A preview shows a move as \`host: "host1" => "host2"\` and refuses what cannot be; \`up\` makes it, live. Of a
placement that is new, too, it says so where the VM runs on another host. Deleting the resource leaves the VM where it is.

A VM has one placement: a second one is refused at preview, in the program and, with libvirt, in another stack. While the host
is under maintenance (\`hosts.<name>.maintenance\`, on oVirt the engine's own mode) the placement rests: no diff, no move, and a
line says where the VM is.

A move that fails leaves the VM with its VF on the host where it runs, and the state says where that is. On oVirt the engine
moves it, and may lose the VF: then \`up\` plugs it where the engine lets it, and else fails and says what is missing and what
helps.`,
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
      "The VM's UUID; on oVirt its id. The placement is that VM's: another one that has its name is left alone, and an update refuses. Absent in states of older versions, until the next refresh or update.",
      { constant: true },
    ),
    lastMove: optional(
      moveReport.schema,
      "What the last move did that this resource made, in at most 4 KiB; all of it is in the report in `.vnic-failover/reports`, or in the folder that VNIC_FAILOVER_REPORTS names. Absent: it has made none. Always absent on oVirt, whose events tell it.",
    ),
    missing: required(
      z.array(z.string()).readonly(),
      "VFs that the VM should have and has not, in words. Empty when nothing is; otherwise `up` repairs it. On oVirt those that this resource or the guest agent knows of.",
      { drift: true },
    ),
  },
});

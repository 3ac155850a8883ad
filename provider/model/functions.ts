/** What programs may ask of the cluster. Nothing of it changes anything. */
import * as z from "zod";
import { objectType, optional, required, type ObjectType } from "./describe.js";
import { migration } from "./migration.js";
import { vfUnplug } from "./move-report.js";

export interface FunctionType<Args extends ObjectType = ObjectType, Result extends ObjectType = ObjectType> {
  readonly doc: string;
  /** A line of TypeScript. */
  readonly example: string;
  readonly args: Args;
  readonly result: Result;
}

const list = <Of extends z.ZodType>(items: Of) => z.array(items).readonly();
const text = z.string();
const vm = required(text.min(1), "The VM's name; on oVirt its name or id.");

const planFinding = objectType("PlanFinding", "Something that a rule of a move has found.", {
  rule: required(text, "The rule's id."),
  severity: required(text, "`error`: the move would be refused. `warning`: the move would still be made."),
  message: required(text, "What is wrong."),
  remedy: required(text, "What can be done about it."),
});

const plannedMove = objectType("PlannedMove", "A pair that would move.", {
  mac: required(text, "MAC address of both halves of the pair."),
  network: required(text, "The VF's network."),
  standbyNetwork: required(text, "The standby's network."),
  vfBefore: required(text, "The VF's PCI address where the VM is."),
  vfAfter: optional(text, "The VF's PCI address where it would go. Absent: none is free there."),
});

const plannedBridge = objectType("PlannedBridge", "A NIC whose bridge has another name on the destination.", {
  nic: required(text, "Its alias, or its MAC address where it has none."),
  network: required(text, "The network of both bridges."),
  before: required(text, "The bridge where the VM is."),
  after: required(text, "The bridge where it would go."),
});

const plannedStep = objectType("PlannedStep", "A step of a move.", {
  name: required(text, "Such as `reserve`, `unplug` or `migrate`."),
  title: required(text, "What it does, in words."),
});

const getVmPlacement = {
  doc: "Where a VM is, and in what state.",
  example: `const { host } = await getVmPlacement({ vm: "web" });`,
  args: objectType("GetVmPlacementArgs", "Which VM.", { vm }),
  result: objectType("GetVmPlacementResult", "Where it is.", {
    vm: required(text, "The VM's name."),
    host: optional(
      text,
      "The host on which it runs, or, if it is shut off, on which libvirt has it defined. Absent on oVirt while the VM is down.",
    ),
    state: required(
      text,
      "With libvirt `running`, `paused`, `shutting-down`, `shutoff`, `crashed`, `suspended` or `unknown`; on oVirt the engine's own word, such as `up`, `down` or `migrating`.",
    ),
  }),
};

const getFreeVfs = {
  doc: "The VFs of a network that a host could give to interfaces now.",
  example: `const { count } = await getFreeVfs({ host: "host2", network: "data-vf" });`,
  args: objectType("GetFreeVfsArgs", "Which host and network.", {
    host: required(text.min(1), "The host's name; on oVirt its name or id."),
    network: required(text.min(1), "The VFs' network."),
  }),
  result: objectType("GetFreeVfsResult", "What is free.", {
    host: required(text, "The host's name."),
    network: required(text, "The VFs' network."),
    count: required(z.number().int(), "How many VFs are free."),
    vfs: required(
      list(text),
      "With libvirt their PCI addresses, in the order in which they are assigned, of PFs whose link is up; on oVirt the names of their interfaces on the host.",
    ),
  }),
};

const planMove = {
  doc: "What moving a VM to a host would do, and whether it can be. Changes nothing.",
  example: `const { refused, findings } = await planMove({ vm: "web", host: "host2" });`,
  args: objectType("PlanMoveArgs", "Which VM, and where to.", {
    vm,
    host: required(text.min(1), "The host that it would go to."),
    migration: optional(migration.schema, "How the move would be made.", { defaultText: "the default of each option" }),
  }),
  result: objectType("PlanMoveResult", "What a move would do.", {
    vm: required(text, "The VM's name."),
    from: optional(text, "The host that it is on. Absent if no host has it or, on oVirt, the VM is down."),
    to: required(text, "Where it would go."),
    alreadyThere: required(z.boolean(), "It runs there: nothing would be done."),
    refused: required(z.boolean(), "The move would be refused, and nothing would be changed."),
    findings: required(list(planFinding.schema), "What the rules of a move say."),
    interfaces: required(
      list(plannedMove.schema),
      "The pairs that would move. Empty on oVirt, whose engine chooses VFs when it migrates.",
    ),
    unplug: optional(vfUnplug.schema, "When the VFs would leave the guest. Absent where none would, and on oVirt."),
    bridges: optional(
      list(plannedBridge.schema),
      "The NICs whose bridge has another name on the destination, by vnic-failover:cluster. Absent if none has, and on oVirt.",
    ),
    steps: required(
      list(plannedStep.schema),
      "What would be done, in order. Empty where nothing would be, and on oVirt.",
    ),
  }),
};

export const functionTypes = { getVmPlacement, getFreeVfs, planMove } as const satisfies Readonly<
  Record<string, FunctionType>
>;

import type {
  functions,
  GetFreeVfsArgs,
  GetFreeVfsResult,
  GetVmPlacementArgs,
  GetVmPlacementResult,
  PlanFinding as Finding,
  PlanMoveArgs,
  PlanMoveResult,
  PlannedMove as Planned,
  PlannedStep as Step,
} from "../../../handlers/functions/index.js";
import { boolean, integer, listOf, text, typeNamed, type FunctionSpec, type ObjectSpec } from "./spec.js";

const getVmPlacementArgs: ObjectSpec<keyof GetVmPlacementArgs> = {
  description: "Which VM.",
  properties: { vm: { ...text, description: "The VM's name; over oVirt its name or id." } },
  required: ["vm"],
};

const getVmPlacementResult: ObjectSpec<keyof GetVmPlacementResult> = {
  description: "Where it is.",
  properties: {
    vm: { ...text, description: "The VM's name." },
    host: {
      ...text,
      description:
        "Where it runs, or else where libvirt has it defined. Absent: it is down, and oVirt keeps it nowhere.",
    },
    state: {
      ...text,
      description:
        "Over libvirt `running`, `paused`, `shutting-down`, `shutoff`, `crashed`, `suspended` or `unknown`; over oVirt the engine's own word: such as `up`, `down` or `migrating`.",
    },
  },
  required: ["vm", "state"],
};

const getFreeVfsArgs: ObjectSpec<keyof GetFreeVfsArgs> = {
  description: "Which host and network.",
  properties: {
    host: { ...text, description: "The host's name; over oVirt its name or id." },
    network: { ...text, description: "The VFs' network." },
  },
  required: ["host", "network"],
};

const getFreeVfsResult: ObjectSpec<keyof GetFreeVfsResult> = {
  description: "What is free.",
  properties: {
    host: { ...text, description: "The host's name." },
    network: { ...text, description: "The VFs' network." },
    count: { ...integer, description: "How many VFs are free." },
    vfs: {
      ...listOf(text),
      description:
        "Over libvirt their PCI addresses, in the order in which they are given out, of PFs whose link is up; over oVirt the names of their interfaces on the host.",
    },
  },
  required: ["host", "network", "count", "vfs"],
};

const planMoveArgs: ObjectSpec<keyof PlanMoveArgs> = {
  description: "Which VM, and where to.",
  properties: {
    vm: { ...text, description: "The VM's name; over oVirt its name or id." },
    host: { ...text, description: "The host that it would go to." },
  },
  required: ["vm", "host"],
};

const planMoveResult: ObjectSpec<keyof PlanMoveResult> = {
  description: "What a move would do.",
  properties: {
    vm: { ...text, description: "The VM's name." },
    from: { ...text, description: "Where it is. Absent: it was found nowhere." },
    to: { ...text, description: "Where it would go." },
    alreadyThere: { ...boolean, description: "It runs there: nothing would be done." },
    refused: { ...boolean, description: "The move would be refused, and nothing would be changed." },
    findings: { ...listOf(typeNamed("PlanFinding")), description: "What the rules of a move say." },
    interfaces: {
      ...listOf(typeNamed("PlannedMove")),
      description: "The pairs that would move. Empty over oVirt, whose engine chooses VFs when it migrates.",
    },
    steps: {
      ...listOf(typeNamed("PlannedStep")),
      description: "What would be done, in order. Empty where nothing would be, and over oVirt.",
    },
  },
  required: ["vm", "to", "alreadyThere", "refused", "findings", "interfaces", "steps"],
};

export const PlanFinding: ObjectSpec<keyof Finding> = {
  description: "Something that a rule of a move has found.",
  properties: {
    rule: { ...text, description: "The rule's id." },
    severity: { ...text, description: "`error`: the move would be refused. `warning`: it would be made all the same." },
    message: { ...text, description: "What is wrong." },
    remedy: { ...text, description: "What can be done about it." },
  },
  required: ["rule", "severity", "message", "remedy"],
};

export const PlannedMove: ObjectSpec<keyof Planned> = {
  description: "A pair that would move.",
  properties: {
    mac: { ...text, description: "Of both halves." },
    network: { ...text, description: "The VF's network." },
    standbyNetwork: { ...text, description: "The standby's network." },
    vfBefore: { ...text, description: "The VF's PCI address where the VM is." },
    vfAfter: { ...text, description: "The VF's PCI address where it would go. Absent: none is free." },
  },
  required: ["mac", "network", "standbyNetwork", "vfBefore"],
};

export const PlannedStep: ObjectSpec<keyof Step> = {
  description: "A step of a move.",
  properties: {
    name: { ...text, description: "Such as `reserve`, `unplug` or `migrate`." },
    title: { ...text, description: "What it does, in words." },
  },
  required: ["name", "title"],
};

export const functionSpecs: Readonly<Record<keyof typeof functions, FunctionSpec>> = {
  getVmPlacement: {
    description: "Where a VM runs, and in what state.",
    inputs: getVmPlacementArgs,
    outputs: getVmPlacementResult,
  },
  getFreeVfs: {
    description: "The VFs of a network that a host could give to interfaces now.",
    inputs: getFreeVfsArgs,
    outputs: getFreeVfsResult,
  },
  planMove: {
    description: "What moving a VM to a host would do, and whether it can be. Changes nothing.",
    inputs: planMoveArgs,
    outputs: planMoveResult,
  },
};

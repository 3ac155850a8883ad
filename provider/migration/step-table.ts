/**
 * What is known of each step of a move beside how it is done (steps.ts): its title, the host that it acts on, its time limit,
 * what a failure of it may undo, and its colour in the report. Pure.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> preflight
 *   preflight --> journal
 *   preflight --> refused: a rule is broken
 *   journal --> reserve
 *   reserve --> unplug
 *   unplug --> migrate
 *   migrate --> plug: the VM runs on the destination
 *   plug --> verify
 *   verify --> release
 *   release --> moved
 *   reserve --> journal: roll back
 *   unplug --> reserve: roll back
 *   migrate --> unplug: roll back
 *   journal --> failed_on_source: rolled back
 *   migrate --> unclear: a host that counts is unreachable
 *   unclear --> plug: recovered forward
 *   unclear --> failed_on_source: recovered back
 *   unclear --> overtaken: moved on by another client
 * ```
 */
import type { MigrationOptions } from "./options.js";

export interface StepRow {
  /** What a person reads while it runs. */
  readonly title: string;
  /** The host whose VFs, VM or metadata it changes. */
  readonly on: "source" | "destination";
  /** Seconds that it may take; absent: as long as its calls. */
  readonly limit?: (options: MigrationOptions) => number;
  /**
   * That it has begun is of no use to a recovery: what the hosts say decides. So the journal tells it only with what is written
   * to it next, and the VM does not wait for that.
   */
  readonly informs?: boolean;
  /** While it is done libvirt takes no change of the VM's metadata, so that the lease cannot be renewed. */
  readonly withoutLease?: boolean;
  /** Whether the destination's VFs are reserved once it has begun: until then another destination can be chosen. */
  readonly afterReservation: boolean;
  /** See {@link Step} in runner.ts. */
  readonly pointOfNoReturn?: boolean;
  readonly undoLast?: boolean;
  readonly decisive?: boolean;
  /** Of its bar in the report's timeline. */
  readonly colour: string;
}

/** In the order in which they are done. */
export const stepTable = {
  journal: {
    title: "recording the move in the VM's metadata",
    on: "source",
    afterReservation: false,
    undoLast: true,
    colour: "#adb5bd",
  },
  reserve: {
    title: "preparing the destination",
    on: "destination",
    informs: true,
    afterReservation: false,
    colour: "#adb5bd",
  },
  unplug: {
    title: "unplugging VFs from the guest",
    on: "source",
    limit: ({ unplugTimeout }) => unplugTimeout,
    afterReservation: true,
    colour: "#e07a5f",
  },
  migrate: {
    title: "migrating",
    on: "source",
    limit: ({ migrateTimeout }) => migrateTimeout,
    withoutLease: true,
    afterReservation: true,
    pointOfNoReturn: true,
    decisive: true,
    colour: "#3d5a80",
  },
  plug: {
    title: "plugging VFs on the destination",
    on: "destination",
    limit: ({ plugTimeout }) => plugTimeout,
    informs: true,
    afterReservation: true,
    colour: "#81b29a",
  },
  verify: {
    title: "waiting for the guest to use its VFs",
    on: "destination",
    afterReservation: true,
    colour: "#f2cc8f",
  },
  release: {
    title: "releasing reserved VFs",
    on: "destination",
    informs: true,
    afterReservation: true,
    colour: "#adb5bd",
  },
} as const satisfies Readonly<Record<string, StepRow>>;

export type StepName = keyof typeof stepTable;

export const stepNames = Object.keys(stepTable) as readonly StepName[];

export function isStepName(name: string): name is StepName {
  return Object.hasOwn(stepTable, name);
}

export function rowOf(name: StepName): StepRow {
  return stepTable[name];
}

/** A step's row as the runner wants it. */
export function rowFor<Name extends StepName>(name: Name): StepRow & { readonly name: Name } {
  return { ...stepTable[name], name };
}

/** Whether there is only forward in it: the VM runs on the destination already. */
export function isPastNoReturn(name: StepName): boolean {
  return stepNames.indexOf(name) > stepNames.findIndex((each) => rowOf(each).pointOfNoReturn);
}

/** The steps before that one. */
export function stepsBefore(name: StepName): readonly StepName[] {
  return stepNames.slice(0, stepNames.indexOf(name));
}

/** What a command is: it is given its backend and a place for its progress, and answers. It neither prints nor exits. */
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { ConfigurationSource } from "./configuration.js";
import type { ProgressBoard } from "./output/progress-board.js";
import type { Outcome } from "./exit-codes.js";

/** What a command has whatever the backend. */
export interface CommandConsole {
  /** Where the cluster's configuration was read from. */
  readonly configuration?: ConfigurationSource | undefined;
  readonly progress: ProgressBoard;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Shows something before the answer is there: a plan that is to be confirmed. Shows nothing with `--json`. */
  show(text: string): void;
  /** Asks for a yes. Undefined: there is no terminal to ask on, or the answer is to be JSON. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
}

/** With libvirt. */
export interface CommandContext extends CommandConsole {
  readonly cluster: LibvirtCluster;
}

export interface Answer {
  readonly outcome: Outcome;
  /** The answer for `--json`. */
  readonly document: Readonly<Record<string, unknown>>;
  /** The answer for people. */
  readonly text: string;
  /** What went wrong although there is an answer. */
  readonly errors?: readonly unknown[];
}

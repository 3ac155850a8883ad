/**
 * The engine's maintenance mode at the end of a drain. It is asked for only once no VM runs on the host: of VMs that are left the
 * engine would choose the destinations itself, and VMs that migrate to the host would be cancelled and lose their VFs.
 */
import {
  deactivateHost,
  lookUpHost,
  type EngineClient,
  type EngineHost,
  type EngineVm,
} from "../../../backends/ovirt/rest/index.js";
import { isAtRest } from "../../../handlers/ovirt/under-maintenance.js";
import { until } from "../../../backends/ovirt/until.js";
import { ProblemError } from "../../../model/problem.js";
import { listed } from "../../../rules/wording.js";
import type { Answer } from "../../command.js";
import { worst, type Outcome } from "../../exit-codes.js";
import { paragraphs } from "../../output/table.js";
import type { EngineContext } from "./context.js";

/** Seconds that an empty host has to get there. */
const patience = 180;

export interface Drained {
  readonly host: EngineHost;
  /** VMs that still run there, or migrate and may be on their way there. */
  readonly left: readonly EngineVm[];
  /** Of the moves. */
  readonly answer: Answer;
}

/** @returns the answer of the moves, and what became of the maintenance. */
export async function putIntoMaintenance(
  { engine: { client }, signal }: EngineContext,
  { host, left, answer }: Drained,
  seconds = patience,
): Promise<Answer> {
  const ended = (outcome: Outcome, text: string, ...errors: readonly ProblemError[]): Answer =>
    paragraph(
      {
        ...answer,
        outcome: worst([answer.outcome, outcome]),
        document: { ...answer.document, maintenance: outcome === "ok" },
        ...((answer.errors ?? errors).length > 0 && { errors: [...(answer.errors ?? []), ...errors] }),
      },
      text,
    );
  const notAsked = `"${host.name}" was not put into maintenance.`;
  if (signal.aborted) return ended("refused", notAsked);
  if (left.length > 0) return ended("refused", notAsked, stillRuns(host, left));
  try {
    const now = await lookUpHost(client, host.id);
    if (!isAtRest(now)) await deactivateHost(client, now);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return ended("refused", notAsked, error);
  }
  const status = await statusAfter(client, host, seconds, signal);
  if (status === "maintenance") return ended("ok", `"${host.name}" is in maintenance.`);
  return ended("unclear", `"${host.name}" is entering maintenance.`, tooLong(host, status, seconds));
}

/** The answer with a further paragraph. */
export function paragraph(answer: Answer, text: string): Answer {
  return { ...answer, text: paragraphs(answer.text, text) };
}

async function statusAfter(
  client: EngineClient,
  { id }: EngineHost,
  seconds: number,
  signal: AbortSignal,
): Promise<string> {
  let status = "";
  try {
    await until({ signal }, seconds, async () => {
      ({ status } = await lookUpHost(client, id));
      return status === "maintenance" ? true : undefined;
    });
  } catch (error) {
    // The engine continues, whether or not this waits for it.
    if (!signal.aborted && !(error instanceof ProblemError)) throw error;
  }
  return status;
}

function stillRuns({ id, name }: EngineHost, left: readonly EngineVm[]): ProblemError {
  const spelled = (vms: readonly EngineVm[]) => `VM${vms.length === 1 ? "" : "s"} ${listed(vms.map((vm) => vm.name))}`;
  const [there, elsewhere] = [left.filter(({ host }) => host === id), left.filter(({ host }) => host !== id)];
  const why = [
    ...(there.length === 0 ? [] : [`${spelled(there)} still run${there.length === 1 ? "s" : ""} there`]),
    ...(elsewhere.length === 0 ? [] : [`${spelled(elsewhere)} may be migrating to it`]),
  ];
  return new ProblemError({
    code: "maintenance-vms-left",
    what: `Unable to put host "${name}" into maintenance: ${why.join(", and ")}`,
    remedy: "Move or shut down what is left, wait for migrations, then run the command again.",
  });
}

function tooLong({ name }: EngineHost, status: string, seconds: number): ProblemError {
  return new ProblemError({
    code: "maintenance-not-finished",
    what: `Host "${name}" is still in status ${status === "" ? "unknown" : status} after ${seconds} s`,
    state: "The engine continues to put it into maintenance.",
    remedy: "Check the host's events in the Administration Portal.",
  });
}

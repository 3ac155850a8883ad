/** From an argument list to an exit code: reads the configuration, runs the command, prints its answer. */
import { CommanderError } from "commander";
import { ProblemError, type Problem } from "../model/problem.js";
import type { Answer, CommandConsole } from "./command.js";
import type { Commands } from "./commands/index.js";
import type { CommandConfiguration } from "./configuration.js";
import { askYes } from "./prompt.js";
import { exitCodes, type Outcome } from "./exit-codes.js";
import { catchInterrupts, leaveOnInterrupt, libvirtInterruption } from "./signals.js";
import { printable, printableJson, stackOf } from "../model/foreign-text.js";
import { commandLine, type Invocation } from "./program.js";
import { jsonBoard, lineBoard, type ProgressBoard, type TextSink } from "./output/progress-board.js";
import { barBoard } from "./output/terminal-progress.js";

/** What a process has, so that a test can have it otherwise. */
export interface Surroundings {
  readonly stdout: TextSink;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly readConfiguration: (source: Invocation["globals"]) => Promise<CommandConfiguration>;
  /** The commands of the backend that the configuration names. */
  readonly connect: (configuration: CommandConfiguration) => Commands | Promise<Commands>;
}

/** @param argv without node and script. Never throws: what goes wrong is printed and has an exit code. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  let code = exitCodes.ok;
  const program = commandLine(async (invocation) => {
    code = await invoke(invocation, surroundings);
  });
  // Of a bad argument list only the list itself can tell whether JSON is wanted.
  const json = argv.includes("--json");
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => {
        if (!json) stderr.write(printable(text));
      },
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.ok;
    if (json) stdout.write(asJson({ ...refusal("usage"), errors: [{ code: "usage", what: error.message }] }));
    return exitCodes.refused;
  }
}

async function invoke({ name, globals, movesVms, act }: Invocation, surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  const say = (text: string): void => void stderr.write(`${printable(text)}\n`);
  const progress = boardFor(globals, stderr);
  let commands: Commands | undefined;
  const interruption = () => commands?.interruption ?? libvirtInterruption;
  const interrupts = movesVms
    ? catchInterrupts((text) => progress.note(text), process, interruption)
    : { signal: new AbortController().signal, ...leaveOnInterrupt(async () => commands?.close()) };
  const { signal } = interrupts;
  let answer: Answer;
  try {
    commands = await surroundings.connect(await surroundings.readConfiguration(globals));
    const context: CommandConsole = {
      configuration: globals,
      progress,
      signal,
      show: (text) => {
        if (!globals.json) stdout.write(`${printable(text)}\n`);
      },
      confirm: confirmation(globals.json, surroundings, signal),
    };
    answer = await act(commands, context);
  } catch (error) {
    const { outcomeOf } = await import("./outcome.js");
    // A command that changes nothing leaves nothing unclear.
    const outcome = movesVms || name === "recover" ? outcomeOf(error) : "refused";
    answer = { outcome, document: {}, text: "", errors: [error] };
  } finally {
    progress.close();
    interrupts.release();
    await commands?.close();
  }
  const { outcome, document, text, errors = [] } = answer;
  if (globals.json) {
    const problems = errors.map((error) => problemIn(error, globals.debug));
    stdout.write(
      asJson({
        command: name,
        outcome,
        exitCode: exitCodes[outcome],
        ...document,
        ...(problems.length > 0 && { errors: problems }),
      }),
    );
  } else {
    if (text !== "") stdout.write(`${printable(text)}\n`);
    for (const error of errors) say(paragraphOf(error, globals.debug));
  }
  return exitCodes[outcome];
}

function boardFor({ json }: Invocation["globals"], stderr: Surroundings["stderr"]): ProgressBoard {
  if (json) return jsonBoard(stderr);
  return stderr.isTTY === true ? barBoard(stderr) : lineBoard(stderr);
}

function confirmation(json: boolean, { stdin, stderr }: Surroundings, signal: AbortSignal): CommandConsole["confirm"] {
  if (json || stdin.isTTY !== true || stderr.isTTY !== true) return undefined;
  return (question) => askYes(printable(question), { input: stdin, output: stderr, signal });
}

function refusal(command: string): { command: string; outcome: Outcome; exitCode: number } {
  return { command, outcome: "refused", exitCode: exitCodes.refused };
}

function asJson(document: object): string {
  return `${printableJson({ schemaVersion: 1, ...document }, 2)}\n`;
}

function problemIn(error: unknown, debug: boolean): Problem & { message: string; stack?: string } {
  const problem = error instanceof ProblemError ? error.problem : { code: "unexpected", what: messageOf(error) };
  const stack = debug ? stackOf(error) : undefined;
  return { ...problem, message: messageOf(error), ...(stack !== undefined && { stack }) };
}

function paragraphOf(error: unknown, debug: boolean): string {
  if (debug) return `vnic-failover: ${stackOf(error)}`;
  const hint =
    error instanceof ProblemError
      ? ""
      : " This error is unexpected: run the command again with --debug, and report it.";
  return `vnic-failover: ${messageOf(error)}${hint}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

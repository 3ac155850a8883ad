/** Asks a person for a yes. */
import { createInterface } from "node:readline/promises";

/** Anything but `y` or `yes` is a no; so is Ctrl-C, and the end of the input. */
export async function askYes(
  question: string,
  { input, output, signal }: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream; signal: AbortSignal },
): Promise<boolean> {
  // Not as a terminal: readline would swallow Ctrl-C, which must reach the process.
  const lines = createInterface({ input, output, terminal: false });
  try {
    const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    lines.close();
  }
}

/** How the time that an expression takes grows with the length of a text, whatever the machine and its load. */
import type { Expression } from "./collect.js";
import { textOf, worstTexts, type WorstText } from "./worst-texts.js";

/** A text whose time grows far more than its length, by how much for a text that is four times as long. */
export interface Slow {
  readonly worst: WorstText;
  readonly length: number;
  readonly growth: number;
}

/** Characters of the longest texts. Linear time makes 4 of a fourfold length, quadratic 16: only above what lies between it counts. */
const longest = 8_192;
const shortest = 4;
const quadratic = 9;
/** Beyond any square, also where counts such as `{1,32}` make a short text's time grow as its square. */
const exploding = 30;

/** The first text, if any, that the expression takes far more than linear time for. */
export function slowText(expression: Expression): Slow | undefined {
  const flags = expression.flags.includes("g") ? expression.flags : `${expression.flags}g`;
  const pattern = new RegExp(expression.source, flags);
  for (const worst of worstTexts(expression)) {
    const slow = slowOn(pattern, worst);
    if (slow !== undefined) return slow;
  }
  return undefined;
}

/**
 * From short texts to long ones, since an exponential expression ends with none that is long. What looks slow is measured again and
 * again: a busy machine makes one run slow, not the best of several.
 */
function slowOn(pattern: RegExp, worst: WorstText): Slow | undefined {
  // The engine interprets an expression before it compiles it: later runs are faster by far.
  best(2, pattern, textOf(worst, shortest));
  const times: number[] = [];
  for (let step = 0, length = shortest; length <= longest; step += 1, length *= 2) {
    times.push(best(2, pattern, textOf(worst, length)));
    const growth = (times[step] ?? 0) / (times[step - 2] ?? Infinity);
    if (growth > exploding && isConfirmed(pattern, worst, length, exploding)) return { worst, length, growth };
    if (length < longest / 2) continue;
    // Both of the two longest, since a square goes on.
    if (growth <= quadratic || !isConfirmed(pattern, worst, length, quadratic)) return undefined;
    if (length === longest) return { worst, length, growth };
  }
  return undefined;
}

/** Whether each of several repetitions shows it, with pauses: what else the machine does comes in bursts. */
function isConfirmed(pattern: RegExp, worst: WorstText, length: number, limit: number): boolean {
  const [short, long] = [textOf(worst, length / 4), textOf(worst, length)];
  let [leastShort, leastLong] = [Infinity, Infinity];
  for (let repetition = 0; repetition < 8; repetition += 1) {
    if (repetition > 0) pause(10);
    // A short run is the one that noise makes a large part of.
    leastShort = Math.min(leastShort, best(8, pattern, short));
    leastLong = Math.min(leastLong, best(1, pattern, long));
    if (leastLong / leastShort <= limit) return false;
  }
  return true;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** ms for finding every match, the least of some runs. An expression that is used otherwise looks at less. */
function best(runs: number, pattern: RegExp, text: string): number {
  // Makes one piece of what repeat() has put together, which is not the expression's work.
  text.indexOf("\uffff");
  let least = Infinity;
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now();
    text.replaceAll(pattern, "");
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

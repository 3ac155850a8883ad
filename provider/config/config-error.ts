import { ProblemError, type Problem } from "../model/problem.js";
import { sentence, type Mistake } from "../model/mistake.js";

/** The configuration cannot be used: it is missing, or there are mistakes in it. */
export class ConfigError extends ProblemError {
  override readonly name = "ConfigError";

  constructor(
    problem: Problem,
    options?: { cause?: unknown },
    /** Each by itself, where the configuration could be read. */
    readonly mistakes: readonly Mistake[] = [],
  ) {
    super(problem, options);
  }

  /** @param tell of one mistake, as a sentence. */
  static of(
    mistakes: readonly Mistake[],
    {
      source = "the stack's configuration",
      tell = sentence,
      ...more
    }: {
      /** What could not be used. */
      readonly source?: string;
      readonly tell?: (mistake: Mistake) => string;
      readonly where?: string;
      readonly remedy?: string;
    } = {},
  ): ConfigError {
    const told = [...new Set(mistakes.map(tell))];
    return new ConfigError(
      {
        code: "config-invalid",
        what:
          told.length === 1
            ? `Unable to use ${source}: ${told.join()}`
            : `Unable to use ${source}:${told.map((line) => `\n  ${line}`).join("")}`,
        remedy: `Correct ${told.length === 1 ? "it" : "them"} in Pulumi.<stack>.yaml, or with pulumi config set.`,
        ...more,
      },
      undefined,
      mistakes,
    );
  }
}

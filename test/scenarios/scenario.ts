/** A story of several claims on one stack: each run of Pulumi's engine takes seconds. */
import type { TestStack } from "../pulumi/stack.js";
import { withStack } from "../pulumi/stack.js";
import type { Backend } from "./backend.js";
import type { Difference, Outcome } from "./outcome.js";

export interface Scenario {
  readonly claim: string;
  /** The stack's first program; the story may write others. The text is the same over every backend. */
  readonly program: string;
  /** Configuration of the program itself, without namespace. */
  readonly config?: Readonly<Record<string, string>>;
  /** Part of the story breaks things: it is not told where other tests use the same hosts. */
  readonly needsFaults?: true;
  readonly story: (stage: Stage) => Promise<void>;
}

export interface Stage extends Pick<Backend, "kind" | "reality" | "administrator"> {
  readonly stack: TestStack;
  /** The backend's; throws where it has none. */
  readonly faults: NonNullable<Backend["faults"]>;
  /** What must be in no state. */
  readonly secrets: readonly string[];
  /** What this backend does where they differ. */
  readonly here: (difference: Difference) => Outcome;
}

export async function play({ program, config = {}, story }: Scenario, backend: Backend): Promise<void> {
  const { config: settings, secrets } = backend.settings;
  const own = Object.fromEntries(Object.entries(config).map(([key, value]) => [`test:${key}`, value]));
  await withStack(
    { program, config: { ...settings, ...own }, ...(secrets !== undefined && { secrets }) },
    async (stack) => {
      await story({
        stack,
        kind: backend.kind,
        reality: backend.reality,
        administrator: backend.administrator,
        get faults() {
          if (backend.faults === undefined) throw new Error("this backend can't be broken");
          return backend.faults;
        },
        secrets: Object.values(secrets ?? {}),
        here: (difference) => difference[backend.kind],
      });
    },
  );
}

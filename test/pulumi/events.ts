import * as z from "zod";

// The engine's events as the CLI's `--event-log` writes them, one JSON document a line:
// github.com/pulumi/pulumi/sdk/go/common/apitype/events.go.
const Metadata = z.object({
  op: z.string(),
  urn: z.string(),
  type: z.string(),
  diffs: z.array(z.string()).nullish(),
  keys: z.array(z.string()).nullish(),
});
const Event = z.object({
  resourcePreEvent: z.object({ metadata: Metadata }).optional(),
  resOutputsEvent: z.object({ metadata: Metadata }).optional(),
  diagnosticEvent: z
    .object({
      urn: z.string().default(""),
      message: z.string(),
      severity: z.string(),
      ephemeral: z.boolean().default(false),
    })
    .optional(),
});

export interface Step {
  /** create, update, replace, delete, read, same… */
  readonly op: string;
  readonly name: string;
  /** The inputs that differ. */
  readonly diffs: readonly string[];
  /** The inputs that make it a replacement. */
  readonly replaces: readonly string[];
}

export interface Diagnostic {
  /** The resource's name: empty if it is about no resource. The stack's is `<project>-<stack>`. */
  readonly name: string;
  readonly urn: string;
  readonly severity: string;
  readonly message: string;
  /** Shown on the resource's row only while it is worked on. */
  readonly ephemeral: boolean;
}

export function parseEvents(log: string): { steps: Step[]; diagnostics: Diagnostic[] } {
  const events = log
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => Event.parse(JSON.parse(line)));

  const steps = new Map<string, Step>();
  for (const { resourcePreEvent, resOutputsEvent } of events) {
    const metadata = (resourcePreEvent ?? resOutputsEvent)?.metadata;
    // A refresh says only at its end what it has found.
    if (metadata === undefined || metadata.op === "refresh" || metadata.type.startsWith("pulumi:")) continue;
    const { op, urn, diffs, keys } = metadata;
    steps.set(`${op} ${urn}`, { op, name: nameOf(urn), diffs: diffs ?? [], replaces: keys ?? [] });
  }
  const diagnostics = events.flatMap(({ diagnosticEvent: event }) =>
    event === undefined || event.severity === "debug"
      ? []
      : [
          {
            name: nameOf(event.urn),
            urn: event.urn,
            severity: event.severity,
            message: plain(event.message),
            ephemeral: event.ephemeral,
          },
        ],
  );
  return { steps: [...steps.values()], diagnostics };
}

/** A resource's name, as it stands at the end of its URN. */
export function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

/** Without the engine's colour directives, `<{%reset%}>`. */
function plain(message: string): string {
  return message.replace(/<\{%.*?%\}>/g, "").trim();
}

/** Faults that a test switches on: what may go wrong between a client and an engine, and inside a migration. */
import { z } from "zod";

const ofRequests = {
  /** Default: any method. */
  method: z.enum(["GET", "POST", "PUT", "DELETE"]).optional(),
  /** The beginning of the path below the API, such as "/vnicprofiles". Default: any. */
  path: z.string().optional(),
};

const ofMigrations = {
  /** A VM's name. Default: any. */
  vm: z.string().optional(),
  /** A NIC's name. Default: any. */
  nic: z.string().optional(),
};

/** How often it strikes. */
const times = z.number().int().positive().default(1);

export const disruption = z.discriminatedUnion("kind", [
  /** 503, and nothing is done. `retryAfter` in seconds: the header; undefined: no header. */
  z.strictObject({ kind: z.literal("unavailable"), ...ofRequests, times, retryAfter: z.number().optional() }),
  /** Every token is forgotten before the request is looked at. */
  z.strictObject({ kind: z.literal("token-expired"), ...ofRequests, times }),
  /** 401 for a token that is valid, as for a user without any role. */
  z.strictObject({ kind: z.literal("unauthorized"), ...ofRequests, times }),
  /** The user's roles are not enough: of a query (400), or of a command (403). */
  z.strictObject({
    kind: z.literal("forbidden"),
    ...ofRequests,
    times,
    status: z.union([z.literal(400), z.literal(403)]),
  }),
  /** The answer is late by that much. */
  z.strictObject({ kind: z.literal("slow"), ...ofRequests, times, milliseconds: z.number().nonnegative() }),
  /** The request is done, and the connection is cut in the middle of the answer's body. */
  z.strictObject({ kind: z.literal("cut"), ...ofRequests, times }),
  /** The connection is closed without an answer, and nothing is done. */
  z.strictObject({ kind: z.literal("reset"), ...ofRequests, times }),
  /** The request is done, and a proxy answers in the engine's place: it had no whole answer (502), or none in time (504). */
  z.strictObject({
    kind: z.literal("proxy-error"),
    ...ofRequests,
    times,
    status: z.union([z.literal(502), z.literal(504)]),
  }),
  /** A proxy answers at once that it has waited too long (504), and the engine carries the request out only after that time. */
  z.strictObject({
    kind: z.literal("proxy-impatient"),
    ...ofRequests,
    times,
    milliseconds: z.number().nonnegative(),
  }),
  /** The host refuses to change the device of a plugged NIC, in these words. */
  z.strictObject({ kind: z.literal("update-fails"), ...ofMigrations, times, message: z.string() }),
  /** After a migration the VF is not plugged again. */
  z.strictObject({ kind: z.literal("vf-not-replugged"), ...ofMigrations, times }),
  /** The guest does not release the VF: the migration does not begin, and the fault says nothing of it. */
  z.strictObject({ kind: z.literal("unplug-fails"), ...ofMigrations, times }),
  /** The guest releases the VF only after that long, and so long the request to migrate has no answer. */
  z.strictObject({ kind: z.literal("unplug-slow"), ...ofMigrations, times, milliseconds: z.number().nonnegative() }),
  /** The engine begins to plug the VFs only that long after the VM is up on the destination. */
  z.strictObject({
    kind: z.literal("replug-late"),
    vm: z.string().optional(),
    times,
    milliseconds: z.number().nonnegative(),
  }),
  /** A migration is cancelled so late that the VM arrives all the same. */
  z.strictObject({ kind: z.literal("cancelled-late"), ...ofMigrations, times }),
  /** The VM crashes while it migrates. */
  z.strictObject({ kind: z.literal("vm-crashes"), ...ofMigrations, times }),
  /** The migration fails, with the VM still on its source. */
  z.strictObject({ kind: z.literal("migration-fails"), ...ofMigrations, times }),
]);

export type Disruption = z.infer<typeof disruption>;
export type DisruptionInput = z.input<typeof disruption>;

type Of<Kind> = Extract<Disruption, { readonly kind: Kind }>;

interface Occasion {
  readonly method?: string;
  readonly path?: string;
  readonly vm?: string;
  readonly nic?: string;
}

export class Disruptions {
  #active: { readonly disruption: Disruption; left: number }[] = [];

  add(input: DisruptionInput): void {
    const parsed = disruption.parse(input);
    this.#active.push({ disruption: parsed, left: parsed.times });
  }

  clear(): void {
    this.#active = [];
  }

  /** The disruption of that kind which strikes now, if one does; that counts. */
  take<Kind extends Disruption["kind"]>(kind: Kind, occasion: Occasion): Of<Kind> | undefined {
    const entry = this.#active.find(({ disruption: each }) => each.kind === kind && applies(each, occasion));
    if (entry === undefined) return undefined;
    entry.left -= 1;
    if (entry.left === 0) this.#active = this.#active.filter((other) => other !== entry);
    return entry.disruption as Of<Kind>;
  }
}

function applies(disruption: Disruption, occasion: Occasion): boolean {
  if ("method" in disruption || "path" in disruption) {
    const { method, path } = disruption as { method?: string; path?: string };
    return (
      (method === undefined || method === occasion.method) &&
      (path === undefined || occasion.path?.startsWith(path) === true)
    );
  }
  const { vm, nic } = disruption as { vm?: string; nic?: string };
  return (vm === undefined || vm === occasion.vm) && (nic === undefined || nic === occasion.nic);
}

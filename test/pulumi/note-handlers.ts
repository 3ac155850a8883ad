import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { dynamicProvider } from "../../provider/pulumi/dynamic/provider.js";
import { checkFailures, diffOf, PartialFailure, type Handler } from "../../provider/handlers/handler.js";
import { onShutdown } from "../../provider/handlers/shutdown.js";
import { known } from "../../provider/model/known.js";
import { isKnown, type MaybeUnknown } from "../../provider/model/unknown.js";
import { ProblemError } from "../../provider/model/problem.js";

/** A resource that is a file: what the adapter does with a handler is seen on it through the real engine. */
const NoteInputs = z.strictObject({
  name: known(z.string().min(2)),
  text: known(z.string().max(20)).optional(),
  /** Another note's id. */
  link: known(z.string().startsWith("note-")).optional(),
  /** Stands for anything that the user keeps secret: it is no part of the state. */
  pin: known(z.string().regex(/^\d+$/)).optional(),
});
type NoteInputs = { name: string; text?: string | undefined; link?: string | undefined; pin?: string | undefined };
type NoteState = NoteInputs & { size: number; nothing: undefined };

const folder = (): string => process.env["NOTES"] ?? ".";
const fileOf = (id: string): string => join(folder(), id);

const note: Handler<NoteInputs, NoteState> = {
  check(ctx, news) {
    if (ctx.config.cluster === undefined) {
      throw new ProblemError({ code: "no-cluster", what: "Unable to find the cluster", remedy: "Set it." });
    }
    const result = NoteInputs.safeParse(news);
    return Promise.resolve(
      result.success
        ? { inputs: { text: "", ...result.data } as MaybeUnknown<NoteInputs>, failures: [] }
        : { inputs: news as NoteInputs, failures: checkFailures(result.error) },
    );
  },

  diff: (_ctx, _id, state, news) =>
    Promise.resolve(diffOf(state, news, { inputs: ["name", "text", "link", "pin"], replaceOn: ["name"] })),

  create(ctx, inputs) {
    const id = `note-${inputs.name}`;
    ctx.progress.report({ phase: "write", percent: 40 });
    write(id, inputs);
    ctx.progress.warn(`${inputs.name} is on paper`);
    if (inputs.text === "torn") {
      throw new PartialFailure({ code: "torn", what: `Unable to finish note "${id}"` }, id, state(inputs));
    }
    return Promise.resolve({ id, state: state(inputs) });
  },

  read(_ctx, id, old) {
    if (existsSync(fileOf("locked"))) {
      throw new ProblemError({ code: "locked", what: `Unable to read note "${id}"`, remedy: "Unlock it." });
    }
    if (!existsSync(fileOf(id))) return Promise.resolve(undefined);
    const inputs = { name: old.name, link: old.link, pin: old.pin, text: readFileSync(fileOf(id), "utf8") };
    return Promise.resolve({ id, state: state(inputs), inputs });
  },

  update(_ctx, id, _old, news) {
    write(id, news);
    return Promise.resolve({ state: state(news) });
  },

  delete(_ctx, id) {
    rmSync(fileOf(id), { force: true });
    return Promise.resolve();
  },
};

function state(inputs: NoteInputs): NoteState {
  return { ...inputs, size: inputs.text?.length ?? 0, nothing: undefined };
}

function write(id: string, { text = "", link }: NoteInputs): void {
  if (link !== undefined && !isKnown(link)) throw new TypeError("an unknown value reached create or update");
  writeFileSync(fileOf(id), text);
  keepOpen();
}

/** Like a connection to a host: it would keep the process alive, and it wants to be closed. */
function keepOpen(): void {
  const connection = setInterval(() => undefined, 1000);
  onShutdown(() => {
    clearInterval(connection);
    writeFileSync(fileOf("closed"), "");
  });
}

export const dynamic = {
  VnicProfile: dynamicProvider(note, "VnicProfile"),
};

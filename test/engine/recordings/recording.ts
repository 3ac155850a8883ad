/**
 * Requests that a real engine (4.5.7) was sent, with what it answered. In a request `{net:data}` stands for the id of
 * the network "data", and `{saved:x}` for that of what the request saved as "x" made; in an answer `<net:data>` does.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const schema = z.array(
  z.strictObject({
    label: z.string(),
    /** Method and path below the API. */
    request: z.string(),
    body: z.string().optional(),
    /** `running`: of the second session, in which "web" runs on a host. */
    vm: z.string().optional(),
    options: z
      .strictObject({
        /** Under which name the id of what was made is kept. */
        save: z.string(),
        /** null: no such header. */
        accept: z.string().nullable(),
        ct: z.string().nullable(),
        /** `Authorization`, or `basic`: the administrator's name and password. */
        auth: z.string().nullable(),
        headers: z.record(z.string(), z.string()),
      })
      .partial()
      .optional(),
    status: z.number(),
    headers: z.record(z.string(), z.string()),
    /** Shortened after some thousand characters; without line ends and what follows them. */
    answer: z.string(),
  }),
);

export type Recording = z.infer<typeof schema>[number];

/** All of this directory, in their order. */
export async function recordings(): Promise<readonly Recording[]> {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith(".json")).sort();
  const read = async (name: string) =>
    schema.parse(JSON.parse(await readFile(join(import.meta.dirname, name), "utf8")));
  return (await Promise.all(files.map(read))).flat();
}

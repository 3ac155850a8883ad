import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { withStack, type Program, type TestStack } from "./stack.js";

// What holds between the handlers and the real engine, seen on a resource that is a file (note-handlers.ts).
// Each run of the engine takes seconds: a test is a story of several claims.
const TIMEOUT = 120_000;
const SHELL = "./node_modules/pulumi-vnic-failover/dist/resources/provider-stub.js";
const NOTE = `
class Note extends StubResource {
  constructor(name, args) { super("VnicProfile", name, { size: undefined, ...args }); }
}
`;
const notes = (body: string): string => `
import * as pulumi from "@pulumi/pulumi";
const { StubResource } = require("${SHELL}");
${NOTE}${body}`;
const esmNotes = (body: string): string => `
import * as pulumi from "@pulumi/pulumi";
import shell from "${SHELL}";
const { StubResource } = shell;
${NOTE}${body}`;

/** A stack, and the folder that its notes are in. */
function withNotes(
  program: Partial<Program> & { program: string },
  story: (stack: TestStack, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-notes-"));
  return withStack(
    {
      handlers: join(import.meta.dirname, "note-handlers.ts"),
      env: { NOTES: folder },
      config: { "vnic-failover:cluster": { hosts: {} } },
      secrets: { "test:pin": "4711-0815" },
      ...program,
    },
    (stack) => story(stack, folder),
  ).finally(() => rmSync(folder, { recursive: true }));
}

describe("a dynamic resource of the package", () => {
  test("is made, stays, is seen to drift, and goes", { timeout: TIMEOUT }, async () => {
    const program = notes(`
      const pin = new pulumi.Config().requireSecret("pin").apply((text) => text.replace("-", ""));
      const one = new Note("one", { name: "one", text: "hello", pin });
      const two = new Note("two", { name: "two", link: one.id });
    `);
    await withNotes({ program }, async (stack, folder) => {
      // The id of a note that does not exist yet is unknown: neither its rule nor the diff takes offence.
      const planned = await stack.preview();
      expect(planned).toMatchObject({ exitCode: 0, changes: { one: "create", two: "create" } });

      const made = await stack.up();
      expect(made).toMatchObject({ exitCode: 0, changes: { one: "create", two: "create" } });
      const lines = made.diagnostics.filter(({ name }) => name === "one");
      expect(lines.map(({ urn: _, ...line }) => line)).toEqual([
        { name: "one", severity: "info", message: "write 40 %", ephemeral: true },
        { name: "one", severity: "warning", message: "one is on paper", ephemeral: false },
        { name: "one", severity: "info", message: "", ephemeral: true },
      ]);
      // The handlers' connection was closed: else the engine would have waited 5 s and killed the provider.
      expect(existsSync(join(folder, "closed"))).toBe(true);

      const { text: exported, resources } = await stack.export();
      const { one, two } = resources;
      expect(one?.outputs).toMatchObject({ name: "one", text: "hello", size: 5 });
      expect(two?.inputs).toMatchObject({ link: "note-one", text: "" });
      for (const text of [one?.inputs["__provider"], one?.outputs["__provider"]]) {
        expect(JSON.stringify(text).length).toBeLessThanOrEqual(2048);
      }
      expect(exported).not.toMatch(/4711-?0815/);

      expect((await stack.preview()).changes).toEqual({});

      writeFileSync(join(folder, "note-one"), "bye");
      rmSync(join(folder, "note-two"));
      expect((await stack.refresh()).changes).toEqual({ one: "update", two: "delete" });
      const drift = await stack.preview();
      expect(drift.changes).toEqual({ one: "update", two: "create" });
      expect(drift.text).toMatch(/~ text\s*: "bye" => "hello"/);
      expect(drift.text).not.toMatch(/__|4711/);

      expect(await stack.destroy()).toMatchObject({ exitCode: 0, changes: { one: "delete" } });
      expect(existsSync(join(folder, "note-one"))).toBe(false);
    });
  });

  test(
    "of an ESM program refuses with the property's name but not its value, and errs without a stack trace",
    { timeout: TIMEOUT },
    async () => {
      const program = esmNotes(
        `new Note("pinned", { name: "pinned", pin: new pulumi.Config().requireSecret("pin") });`,
      );
      await withNotes({ program, type: "module" }, async (stack, folder) => {
        const refused = await stack.preview();
        expect(refused.exitCode).not.toBe(0);
        expect(refused.diagnostics).toContainEqual(
          expect.objectContaining({
            name: "pinned",
            severity: "error",
            message: expect.stringMatching(/pin has an invalid format/) as string,
          }),
        );
        expect(refused.text).not.toContain("4711");

        stack.write(esmNotes(`new Note("pinned", { name: "pinned" });`));
        expect((await stack.up()).exitCode).toBe(0);
        writeFileSync(join(folder, "locked"), "");
        const locked = await stack.refresh();
        rmSync(join(folder, "locked"));
        expect(locked.diagnostics).toContainEqual(
          expect.objectContaining({ name: "pinned", message: 'Unable to read note "note-pinned". Unlock it.' }),
        );
        expect(locked.text).not.toMatch(/^\s+at /m);
      });
    },
  );

  test("keeps what exists after a failure half-way, and goes on from there", { timeout: TIMEOUT }, async () => {
    await withNotes({ program: notes(`new Note("half", { name: "half", text: "torn" });`) }, async (stack) => {
      const failed = await stack.up();
      expect(failed.exitCode).not.toBe(0);
      expect(failed.text).toContain('Unable to finish note "note-half"');
      const { half } = (await stack.export()).resources;
      expect(half).toMatchObject({ id: "note-half", outputs: { name: "half", text: "torn", size: 4 } });
      // Without it, refresh and destroy could not load the provider.
      expect(half?.outputs["__provider"]).toBe(half?.inputs["__provider"]);

      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { half: "update" } });

      stack.write(notes(`new Note("half", { name: "other", text: "whole" });`));
      const replaced = await stack.preview();
      expect(replaced.changes).toEqual({ half: "replace" });
      expect(replaced.text).toMatch(/name\s*: "half" => "other"/);
    });
  });
});

/** What the description says of a move's options on oVirt. */
import { expect, test } from "vitest";
import { engineOptions } from "../../../provider/handlers/ovirt/move.js";
import { migration } from "../../../provider/model/migration.js";

test("names the options that have an effect there, and no other", () => {
  const named = [...migration.doc.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  expect(named).toEqual(engineOptions);
});

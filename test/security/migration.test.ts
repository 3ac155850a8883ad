/** A destination that answers Prepare with an address of its choice. */
import { expect, test } from "vitest";
import { migrationUriOf } from "../../provider/backends/libvirt/live-migration.js";

test.each([
  ["tcp://10.0.0.2", "tcp:10.66.6.6:25", "tcp://10.0.0.2:25"],
  ["tcp://10.0.0.2", "tcp://10.0.0.2:49152", "tcp://10.0.0.2:49152"],
  ["tcp://[fd00::2]", "tcp://evil:49152", "tcp://[fd00::2]:49152"],
  ["tcp://10.0.0.2", "tcp://evil", "tcp://10.0.0.2"],
  [undefined, "tcp:host2:49152", "tcp:host2:49152"],
])("X3: with migrationAddress %s the source is sent to it, whatever the destination says (%s)", (own, offered, uri) => {
  expect(migrationUriOf(own, offered)).toBe(uri);
});

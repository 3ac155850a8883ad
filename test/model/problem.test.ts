import { describe, expect, test } from "vitest";
import { ProblemError, reasonOf, remedyFor } from "../../provider/model/problem.js";
import { LibvirtError } from "../../provider/backends/libvirt/rpc/errors.js";

const refused = new LibvirtError(
  "domain_attach_device_flags",
  { code: 1, domain: 10, level: 2, message: "in use" },
  "host2",
);
const inner = new ProblemError(
  {
    code: "inner",
    what: 'Unable to plug VF 0000:01:10.0 into VM "web"',
    where: "host2",
    state: "It has none.",
    remedy: "Free a VF.",
  },
  { cause: refused },
);
const middle = new ProblemError(
  { code: "middle", what: 'Unable to settle VM "web"', remedy: "Settle it." },
  { cause: inner },
);

describe("a chain of problems", () => {
  test("is told as what could not be done, what is wrong, how things stand, and one remedy", () => {
    const outer = new ProblemError(
      {
        code: "outer",
        what: 'Unable to move VM "web" to "host2"',
        state: "The move was rolled back.",
        remedy: "Retry.",
      },
      { cause: middle },
    );
    expect(outer.message).toBe(
      'Unable to move VM "web" to "host2": unable to plug VF 0000:01:10.0 into the VM (host2): libvirt on host2 reports: in use. The move was rolled back. Free a VF.',
    );
    expect(remedyFor(outer)).toBe("Free a VF.");
  });

  test("has the state and the remedy of a cause where the outer problem has none", () => {
    expect(new ProblemError({ code: "outer", what: "Unable to do it" }, { cause: inner }).message).toBe(
      'Unable to do it: unable to plug VF 0000:01:10.0 into VM "web" (host2): libvirt on host2 reports: in use. It has none. Free a VF.',
    );
  });

  test("has the outer problem's remedy where that goes first", () => {
    const outer = { code: "outer", what: "Unable to do it", state: "Half is done.", remedy: "Recover." };
    const error = new ProblemError(outer, { cause: middle, remedyFirst: true });
    expect(error.message).toMatch(/in use\. Half is done\. Recover\.$/);
    expect(
      new ProblemError({ code: "all", what: "Unable to do all", remedy: "Retry." }, { cause: error }).message,
    ).toMatch(/Half is done\. Recover\.$/);
  });

  test("is not told twice where the outer problem's words have it", () => {
    const told = new ProblemError(
      { code: "outer", what: `Unable to do it: ${reasonOf(inner)}` },
      { cause: inner, causeIsTold: true },
    );
    const text =
      'Unable to do it: Unable to plug VF 0000:01:10.0 into VM "web" (host2): libvirt on host2 reports: in use';
    expect(told.message).toBe(`${text}. It has none. Free a VF.`);
    expect(new ProblemError({ code: "all", what: "Unable to do all" }, { cause: told }).message).toContain(
      `Unable to do all: unable to do it: Unable to plug VF`,
    );
  });

  test("ends with the words of an error that is not this package's", () => {
    const error = new ProblemError(
      { code: "outer", what: "Unable to read it." },
      { cause: new Error("ENOENT: no such file") },
    );
    expect(error.message).toBe("Unable to read it: ENOENT: no such file.");
  });
});

test("a libvirt error by itself names its call", () => {
  expect(refused.message).toBe("Unable to call domain_attach_device_flags: libvirt says: in use (host2).");
});

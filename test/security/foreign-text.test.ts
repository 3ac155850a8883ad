/** What hosts and engines say, on its way to a terminal, a log or a CI. */
import { describe, expect, test, vi } from "vitest";
import { foreignText, printable, printableJson, withoutFullStop } from "../../provider/model/foreign-text.js";
import { LibvirtHost } from "../../provider/backends/libvirt/host.js";
import { hostInterface } from "../../provider/backends/libvirt/inventory.js";
import type { LibvirtConnection } from "../../provider/backends/libvirt/rpc/connection.js";
import { LibvirtError } from "../../provider/backends/libvirt/rpc/errors.js";
import type { ExecResult } from "../../provider/backends/libvirt/transport/remote-command.js";
import { setVf, unsetVf } from "../../provider/backends/libvirt/vf-settings/vf-settings.js";
import { faultOf } from "../../provider/backends/ovirt/rest/fault.js";
import { messageIdOf } from "../../provider/backends/ovirt/rest/messages.js";
import { withoutSecrets } from "../../provider/backends/ovirt/rest/secrets.js";
import { StepFailed } from "../../provider/migration/runner.js";
import { ProblemError } from "../../provider/model/problem.js";
import { progressOn } from "../../provider/model/progress.js";
import { rules } from "../../provider/rules/index.js";
import { dynamicProvider } from "../../provider/pulumi/dynamic/provider.js";
import { failureOf } from "../../provider/pulumi/plugin/provider.js";
import { serviceError } from "../../provider/pulumi/plugin/failure.js";
import { Secrets } from "../../provider/pulumi/plugin/secrets.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { element, formatXml } from "../../provider/xml/element.js";

/** Title, clear screen, cursor, C1's CSI, a workflow command of GitHub, right-to-left override, marks, separators. */
const hostile =
  "\u001b]0;OWNED\u0007\u001b[2J\u009b31m\r\n::error file=x::from the host\n\u202egnp\u200f\u061c\u2028\u2066end";

const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const words = { action: "move it", rolledBack: "", committed: "", remedy: "" };
const refusal = () => new LibvirtError("domain_create", { code: 1, domain: 10, level: 2, message: hostile }, "host1");

describe("X11: text of a host", () => {
  test("reaches an error's message in one line, with nothing that a terminal obeys", () => {
    const error = refusal();
    expect(error.message).not.toMatch(obeyed);
    expect(error.message).not.toMatch(/\n/);
    expect(error.message).toContain("::error file=x::from the host");
    expect(error.libvirtMessage).toBe(hostile);
  });

  test("does so below other errors, and from errors that are not this package's", () => {
    for (const cause of [refusal(), new Error(hostile)]) {
      const outer = new ProblemError({ code: "outer", what: "Unable to do it", remedy: "Retry." }, { cause });
      const failed = new StepFailed("plug", false, [{ step: "reserve", error: cause }], words, outer);
      for (const { message } of [outer, failed]) {
        expect(message).not.toMatch(obeyed);
        expect(message).not.toMatch(/^::/m);
      }
    }
  });

  test("reaches an engine's fault so, whether as detail, reason or status line", () => {
    const body = formatXml(
      element("fault", {}, [element("detail", {}, "x\u009b31m\u202e"), element("reason", {}, "r\u202e")]),
    );
    const answer = { status: 400, statusText: hostile, contentType: "application/xml", retryAfter: undefined, body };
    expect(faultOf(answer, "list VMs", "engine", []).message).not.toMatch(obeyed);
    expect(faultOf({ ...answer, body: "" }, "list VMs", "engine", []).message).not.toMatch(obeyed);
  });

  test("reaches Pulumi so from errors that are not this package's, of both faces", async () => {
    const cause = new Error("outer", { cause: new Error(hostile) });
    for (const thrown of [new Error(hostile), cause, hostile as unknown as Error]) {
      const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
      const { details } = serviceError(thrown, new Secrets());
      const printed = said.mock.calls.flat().map(String).join("");
      said.mockRestore();
      const provider = dynamicProvider({ ...vmInterface, read: () => Promise.reject(thrown) }, "VmInterface");
      void provider.configure({ config: { get: () => undefined, require: () => "" } });
      const error: unknown = await provider.read("nic", {}).catch((reason: unknown) => reason);
      const { message, stack } = error as Error;
      for (const text of [details, printed, message, stack]) {
        expect(text).not.toMatch(obeyed);
        expect(text).not.toMatch(/^\s*::/m);
      }
      expect(stack).toContain("from the host");
    }
  });

  test("reaches Pulumi so in what a check refuses, of both faces", async () => {
    const failures = [{ property: "vm", reason: hostile }];
    const check = () => Promise.resolve({ inputs: { vm: "web", profile: "data" }, failures });
    const provider = dynamicProvider({ ...vmInterface, check }, "VmInterface");
    void provider.configure({ config: { get: () => undefined, require: () => "" } });
    const answer = await provider.check({}, {});
    const reasons = [
      ...(answer.failures ?? []).map(({ reason }) => reason),
      ...failures.map((failure) => failureOf(failure).getReason()),
    ];
    expect(reasons).toHaveLength(2);
    for (const reason of reasons) {
      expect(reason).not.toMatch(obeyed);
      expect(reason).not.toMatch(/^\s*::/m);
    }
  });

  describe("that a command there says", () => {
    const saying = (answer: Partial<ExecResult>): LibvirtHost => {
      const host = new LibvirtHost("host1", { uri: "qemu:///system", networks: {}, maintenance: false }, {});
      const call = () => Promise.reject(refusal());
      host.connection = () => Promise.resolve({ call } as unknown as LibvirtConnection);
      host.command = () => Promise.resolve({ code: 0, stdout: "", stderr: "", ...answer });
      return host;
    };
    const vf = { domain: 0, bus: 1, slot: 16, function: 0 };

    test.each([
      ["in an error", { code: 1, stderr: `first\n${hostile.replaceAll("\n", " ")}${"x".repeat(5000)}` }],
      ["instead of JSON", { stdout: hostile }],
      ["as other JSON", { stdout: '{"mac": 1}' }],
    ])("is one bounded sentence, %s", async (_, answer) => {
      const error: unknown = await setVf(saying(answer), vf, unsetVf).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ problem: { code: "vf-settings-failed" } });
      expect((error as Error).message).not.toMatch(obeyed);
      expect((error as Error).message.length).toBeLessThan(1500);
    });

    test.each(["", hostile, "[1]", '{"a": []}'])("is no answer where it is %j", async (stdout) => {
      expect(await hostInterface(saying({ stdout }), "br0", { commands: true })).toBe("unknown");
    });
  });

  test("reaches progress lines so, of both faces", () => {
    const lines: string[] = [];
    const keep = (line: string) => void lines.push(line);
    const progress = progressOn({ show: keep, info: keep, warn: keep });
    progress.report({ phase: "migrate", message: hostile });
    progress.info(hostile);
    progress.warn(hostile);
    progress.done();
    expect(lines.join("")).not.toMatch(obeyed);
    expect(lines.length).toBeGreaterThan(2);
  });

  test("reaches JSON as the same text, spelled in ASCII where it is not printable", () => {
    const json = printableJson({ hostile }, 2);
    expect(json.replaceAll("\n", "")).not.toMatch(obeyed);
    expect(JSON.parse(json)).toEqual({ hostile });
  });

  test("is no command to a CI, also where a name with a line end brings it into a message", () => {
    const name = "web\n::error::a\n \t::set-output name=x::y ##vso[task.setvariable]z ##[error]";
    const { message } = new ProblemError({ code: "c", what: `Unable to find VM "${name}"` });
    expect(message).not.toMatch(/^\s*::/m);
    expect(message).not.toMatch(/##\w*\[/);
    expect(printable("::1 is an address, and a::b stays")).toBe("??1 is an address, and a::b stays");
  });

  test("is cut at 1,000 characters within a sentence", () => {
    expect(foreignText("x".repeat(5000))).toBe(`${"x".repeat(1000)}…`);
    expect(printable("Größe → 3 €\n")).toBe("Größe → 3 €\n");
  });
});

describe("X12: a fault that is like a message of the engine over and over", () => {
  const templates = rules.flatMap(({ engineText }) => (engineText === undefined ? [] : [engineText]));

  // What takes more than linear time at these lengths ends by the test's time limit.
  test("is looked up in its first 10,000 characters", () => {
    expect(templates.length).toBeGreaterThan(20);
    for (const template of templates) {
      // Every literal but the last, as often as fits.
      const literals = template.split(/\$\{\w+\}/).slice(0, -1);
      const worst = `${literals.join("")} `.repeat(10_000).slice(0, 10_000);
      expect(messageIdOf(worst + template), template).toBe(messageIdOf(worst));
    }
  });
});

describe("X13: an error text of dots", () => {
  test("is shown, cut", () => {
    const dots = `${".".repeat(4_000_000)}x`;
    const error = new LibvirtError(
      "domain_attach_device_flags",
      { code: 1, domain: 10, level: 2, message: dots },
      "host1",
    );
    for (const cause of [error, new Error(dots)]) {
      const { message } = new StepFailed("plug", false, [{ step: "plug", error: cause }], words, cause);
      expect(message).toContain("...");
      expect(message.length).toBeLessThan(10_000);
    }
    const blanks = `${" ".repeat(1_000_000)}x`;
    expect(withoutFullStop(blanks)).toBe(blanks);
    expect(withoutFullStop("It failed. . ")).toBe("It failed");
  });
});

describe("X27: a secret that an engine sends back", () => {
  const secret = "pass word+!~'";
  test.each([
    ["as it is", secret],
    ["as in a URL", encodeURIComponent(secret)],
    ["as in a form", new URLSearchParams({ p: secret }).toString().slice(2)],
  ])("is starred %s", (_, spelled) => {
    expect(withoutSecrets(`<${spelled}>`, [secret])).toBe("<***>");
    const answer = {
      status: 400,
      statusText: `bad ${spelled} token`,
      contentType: "",
      retryAfter: undefined,
      body: "",
    };
    expect(faultOf(answer, "list VMs", "engine", [secret]).message).toBe(
      "Unable to list VMs: the engine answers 400 bad *** token (engine).",
    );
  });
});

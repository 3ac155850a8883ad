import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultOf } from "../../../provider/backends/ovirt/rest/fault.js";
import { messageIdOf } from "../../../provider/backends/ovirt/rest/messages.js";
import { element, formatXml } from "../../../provider/xml/element.js";
import { messages, worded, type MessageId } from "../../engine/messages.js";
import { xmlText } from "../libvirt/xml/arbitraries.js";

function answer(body: string, status = 409, contentType = "application/xml;charset=UTF-8") {
  return { status, statusText: "Conflict", contentType, retryAfter: undefined, body };
}

function faultXml(detail: string): string {
  return formatXml(element("fault", {}, [element("detail", {}, detail), element("reason", {}, "Operation Failed")]));
}

describe("a fault", () => {
  it("is read by itself and in an action, without the brackets of a list", () => {
    const inner = faultXml("[Cannot migrate VM. VM is not running.]");
    for (const body of [inner, `<action><host id="1"/>${inner}<status>failed</status></action>`]) {
      expect(faultOf(answer(body), 'migrate VM "web"', "engine.example", [])).toMatchObject({
        status: 409,
        reason: "Operation Failed",
        detail: "Cannot migrate VM. VM is not running.",
        messageId: "ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING",
        message:
          'Unable to migrate VM "web": Cannot migrate VM. VM is not running. (ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING) (engine.example).',
      });
    }
  });

  it("may be missing, broken, or a proxy's page", () => {
    for (const [body, type] of [
      ["", ""],
      ["<fault>", "application/xml"],
      ["<!DOCTYPE fault><fault/>", "application/xml"],
      ["<html>502</html>", "text/html"],
    ] as const) {
      const fault = faultOf(answer(body, 502, type), "list VMs", "engine.example", []);
      expect(fault).toMatchObject({ reason: undefined, detail: undefined, messageId: undefined });
      expect(fault.problem.what).toBe("Unable to list VMs: the engine answers 502 Conflict");
    }
    expect(faultOf(answer("", 404), "read VM", "engine.example", [])).toMatchObject({
      isNotFound: true,
      problem: { code: "engine-not-found", what: "Unable to read VM: the engine has no such object" },
    });
  });

  it("never holds a secret that the server sends back", () => {
    fc.assert(
      fc.property(xmlText, xmlText, (before, after) => {
        const secret = "correct horse";
        const fault = faultOf(answer(faultXml(`${before}${secret}${after}`)), "list VMs", "engine.example", [secret]);
        expect(`${fault.message} ${JSON.stringify(fault)}`).not.toContain(secret);
      }),
    );
  });
});

describe("a message's id is found by its text", () => {
  const ids = (Object.keys(messages) as MessageId[])
    // Of these two messages the first one is the head of what the second one says.
    .filter((id) => !id.startsWith("SCHEDULING_HOST_FILTERED"));

  it.each(ids)("%s", (id) => {
    fc.assert(
      fc.property(
        fc.constantFrom("add", "edit", "remove", "migrate"),
        fc.stringMatching(/^[a-z0-9 -]{0,20}$/),
        (action, name) => {
          const filled = Object.fromEntries(
            [...messages[id].text.matchAll(/\$\{(\w+)\}/g)].map(([, variable = ""]) => [variable, name]),
          );
          expect(messageIdOf(worded(id, { ...filled, action, type: "Interface" }))).toBe(id);
        },
      ),
    );
  });

  it("and is not made up", () => {
    expect(messageIdOf("The engine is out of coffee.")).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(messageIdOf(text)).toBeUndefined();
      }),
    );
  });
});

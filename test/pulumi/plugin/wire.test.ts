import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { Secrets } from "../../../provider/pulumi/plugin/secrets.js";
import { receive, send } from "../../../provider/pulumi/plugin/wire.js";
import { secret, unknownValue, type Values } from "./plugin-client.js";

const sent = (values: object, secrets = new Secrets()): Values => send(values, secrets).toJavaScript();

/** Any JSON object, without the keys and texts that the wire gives a meaning of its own. */
const properties = fc.dictionary(
  fc.stringMatching(/^[a-z]{1,8}$/),
  fc.jsonValue().map((value) => {
    const text = JSON.stringify(value).replaceAll("-0", "0").replaceAll("__proto__", "proto");
    return JSON.parse(text) as unknown;
  }),
  { noNullPrototype: true },
);

describe("values", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(properties, (values) => {
        expect(receive(send(values, new Secrets())).values).toEqual(values);
      }),
    );
  });

  it("never bring a prototype along", () => {
    const values = JSON.parse('{ "a": { "__proto__": { "b": 1 }, "c": 2 }, "__proto__": { "b": 1 } }') as object;
    const { a, ...rest } = receive(send(values, new Secrets())).values;
    expect(Object.entries(a as object)).toEqual([["c", 2]]);
    expect((a as Record<string, unknown>)["b"]).toBeUndefined();
    expect(rest).toEqual({});
  });

  it("that are not known yet are Pulumi's own on the wire, however deep", () => {
    const values = { a: UNKNOWN, b: { c: [1, UNKNOWN] } };
    expect(sent(values)).toEqual({ a: unknownValue, b: { c: [1, unknownValue] } });
    expect(receive(send(values, new Secrets())).values).toEqual(values);
  });

  it("that there are none of are left out: the wire has no undefined", () => {
    expect(sent({ a: undefined, b: [undefined, { c: undefined }] })).toEqual({ b: [null, {}] });
  });
});

describe("secrets", () => {
  const received = (wire: Values) => receive(send(wire, new Secrets()));

  it("reach the handlers in clear, and go back as secrets", () => {
    const { values, secrets } = received({ pin: secret("4711"), open: "x", list: [secret(unknownValue)] });
    expect(values).toEqual({ pin: "4711", open: "x", list: [UNKNOWN] });
    expect(sent(values, secrets)).toEqual({ pin: secret("4711"), open: "x", list: secret([unknownValue]) });
  });

  it("are kept where another property holds their text", () => {
    const { secrets } = received({ mac: secret("52:54:00:aa:00:50") });
    const state = {
      xml: "<mac address='52:54:00:aa:00:50'/>",
      aliases: ["ua-1"],
      more: { macs: ["52:54:00:aa:00:50"] },
    };
    expect(sent(state, secrets)).toEqual({ xml: secret(state.xml), aliases: ["ua-1"], more: secret(state.more) });
  });

  it("that are empty make nothing else a secret", () => {
    const { secrets } = received({ note: secret(""), flag: secret(true) });
    expect(sent({ note: "", flag: true, other: "text", yes: true }, secrets)).toEqual({
      note: secret(""),
      flag: secret(true),
      other: "text",
      yes: true,
    });
  });
});

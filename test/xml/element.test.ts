import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHostCapabilities } from "../../provider/backends/libvirt/xml/capabilities.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import {
  child,
  element,
  find,
  formatXml,
  isWrittenAs,
  parseXml,
  XmlError,
  type Element,
} from "../../provider/xml/element.js";
import { parseProfileNetwork } from "../../provider/backends/libvirt/xml/network.js";
import { parseNodeDevice } from "../../provider/backends/libvirt/xml/node-device.js";
import { anyElement, xmlText } from "../backends/libvirt/xml/arbitraries.js";
import { thrown } from "../backends/libvirt/xml/thrown.js";
import { fixtureInput } from "../backends/libvirt/xml/fixtures.js";

describe("reading what was written", () => {
  it("gives any element back, order included", () => {
    fc.assert(
      fc.property(anyElement, fc.boolean(), (original, pretty) => {
        const text = formatXml(original, { pretty });
        const read = parseXml(text);
        expect(read).toEqual(original);
        expect(formatXml(read, { pretty })).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps namespaces, mixed content and unknown elements of a domain", () => {
    const text = formatXml(parseXml(fixtureInput("running", "domain")));
    expect(text).toContain('<app:note xmlns:app="https://example.org/note">kept <app:b>as</app:b> it is</app:note>');
    expect(text).toContain('<target chassis="1" port="0x10"/>');
  });

  it("does not take text that looks like a reference for one", () => {
    expect(formatXml(element("a", { b: "&lt;" }, "&#65;&amp;"))).toBe('<a b="&amp;lt;">&amp;#65;&amp;amp;</a>');
  });

  it("puts one element on a line when pretty, and leaves mixed content alone", () => {
    const plain = parseXml("<a><b><c/></b><d>x</d></a>");
    expect(formatXml(plain, { pretty: true })).toBe("<a>\n  <b>\n    <c/>\n  </b>\n  <d>x</d>\n</a>");
    const mixed = "<a>x<b><c/></b></a>";
    expect(formatXml(parseXml(mixed), { pretty: true })).toBe(mixed);
  });
});

describe("what is only compared", () => {
  const other = fc.oneof(
    anyElement.map((element) => formatXml(element)),
    fc.constantFrom("", "<", "<a", "<a>", "<a></a>"),
  );

  it("is told from every other text as if it had been written", () => {
    fc.assert(
      fc.property(anyElement, other, fc.nat(), xmlText, (element, text, at, piece) => {
        const written = formatXml(element);
        expect(isWrittenAs(element, written)).toBe(true);
        const place = at % (written.length + 1);
        const changed = [
          written.slice(0, place) + piece + written.slice(place),
          written.slice(0, place) + piece + written.slice(place + 1),
          written.slice(0, place),
        ];
        for (const each of [text, ...changed]) expect(isWrittenAs(element, each)).toBe(each === written);
      }),
      { numRuns: 300 },
    );
  });

  it("is so after a document that could not be written", () => {
    const unwritable = element("a", {}, [element("b"), element("c", {}, "\0")]);
    expect(() => formatXml(unwritable)).toThrow(XmlError);
    expect(formatXml(element("d"))).toBe("<d/>");
  });
});

describe("reading", () => {
  it("skips the declaration, comments, processing instructions and indentation", () => {
    const read = parseXml(
      "\uFEFF<?xml version='1.0'?>\n<!-- <x> -->\n<a>\n  <?pi a='?'?>\n  <b/><!-- - -->\n</a>\n<!---->",
    );
    expect(read).toEqual(element("a", {}, [element("b")]));
  });

  it("takes CDATA literally, and joins the pieces of a text", () => {
    expect(parseXml("<a>1<![CDATA[<&amp;]]>&lt;<!-- no -->2</a>").text).toBe("1<&amp;<2");
  });

  it("resolves XML's five entities and numeric references, and no value is taken for a number", () => {
    const read = parseXml("<a b='&#x41;&#66;&quot;&apos;' c=' 0x1 '>&lt;&gt;&amp; 007</a>");
    expect(read).toEqual(element("a", { b: "AB\"'", c: " 0x1 " }, "<>& 007"));
  });

  it("reads line ends and white space in attributes as XML 1.0 says", () => {
    expect(parseXml("<a b='1\r\n2\t3&#10;'>x\r\ny\rz&#13;</a>")).toEqual(element("a", { b: "1 2 3\n" }, "x\ny\nz\r"));
  });

  it.each(["__proto__", "constructor", "prototype", "toString", "valueOf"])(
    "takes %s as a name like any other",
    (name) => {
      const read = parseXml(`<${name} ${name}='1'><${name}>x</${name}></${name}>`);
      expect(Object.entries(read.attributes)).toEqual([[name, "1"]]);
      expect(find(read, name)?.text).toBe("x");
      expect(child(read, "hasOwnProperty")).toBeUndefined();
      expect(Object.getPrototypeOf(read.attributes)).toBeNull();
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    },
  );

  it.each([
    ["an external entity", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"],
    ["a parameter entity", "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://example.org/'> %p;]><a/>"],
    ["an external DTD", "<!DOCTYPE a SYSTEM 'http://example.org/a.dtd'><a/>"],
    ["a bare DOCTYPE", "<!DOCTYPE a><a/>"],
    ["a DOCTYPE in lower case", "<!doctype a><a/>"],
    ["a DOCTYPE after a comment that hides another", "<!--<!DOCTYPE a>--><!DOCTYPE a><a/>"],
    ["a declaration inside the root", "<a><!ENTITY x 'y'></a>"],
    ["an entity that is not declared", "<a>&nbsp;</a>"],
    ["an entity named like a property", "<a b='&constructor;'/>"],
    ["a bomb", `<!DOCTYPE a [${entityBomb()}]><a>&e9;</a>`],
  ])("refuses %s", (_what, text) => {
    expect(thrown(() => parseXml(text))).toMatchObject({ name: "XmlError", problem: { code: "xml-refused" } });
  });

  it.each([
    ["nothing", ""],
    ["text only", "web"],
    ["two roots", "<a/><b/>"],
    ["text after the root", "<a/>x"],
    ["text after a root with content", "<a></a> x <!---->"],
    ["text before the root", "x<a/>"],
    ["CDATA after the root", "<a/><![CDATA[x]]>"],
    ["CDATA before the root", "<![CDATA[x]]><a/>"],
    ["a tag that is not closed", "<a><b></a>"],
    ["a stray closing tag", "</a>"],
    ["a closing tag too many", "<a></a></a>"],
    ["the end inside a tag", "<a b='"],
    ["the end inside a tag after millions of quotes", `<a ${"b='".repeat(5e6)}`],
    ["the end inside a comment", "<a><!--"],
    ["the end inside CDATA", "<a><![CDATA[</a>"],
    ["'<' in an attribute", "<a b='<'/>"],
    ["an attribute twice", "<a b='1' b='2'/>"],
    ["an attribute without value", "<a b/>"],
    ["a bare ampersand", "<a>R&D</a>"],
    ["a bare ampersand in an attribute", "<a b='R&D'/>"],
    ["a reference to no character", "<a>&#0;</a>"],
    ["a reference to a surrogate", "<a>&#xD800;</a>"],
    ["a reference beyond Unicode", "<a>&#x110000;</a>"],
    ["a control character", "<a>\u0001</a>"],
    ["an unpaired surrogate", "<a>\uD800</a>"],
    ["a name that is none", "<1a/>"],
  ])("refuses %s", (_what, text) => {
    expect(thrown(() => parseXml(text))).toMatchObject({ name: "XmlError", problem: { code: "xml-malformed" } });
  });

  it.each([
    ["more than 16 Mi characters", () => `<a>${" ".repeat(16 * 1024 * 1024)}</a>`],
    ["257 levels", () => "<a>".repeat(257) + "</a>".repeat(257)],
    ["a million levels", () => "<a>".repeat(1e6) + "</a>".repeat(1e6)],
    ["a million elements", () => `<a>${"<b/>".repeat(1e6)}</a>`],
    ["a million attributes", () => `<a ${Array.from({ length: 1e6 }, (_, n) => `b${n}=''`).join(" ")}/>`],
  ])("refuses %s", (_what, text) => {
    expect(thrown(() => parseXml(text()))).toMatchObject({ name: "XmlError", problem: { code: "xml-too-large" } });
  });

  it("goes 256 levels down", () => {
    expect(formatXml(parseXml("<a>".repeat(256) + "</a>".repeat(256)))).toHaveLength(255 * 7 + 4);
  });

  it("never repeats what the document holds beyond a name", () => {
    const secret = "hunter2";
    for (const text of [
      `<a p='${secret}'`,
      `<a>${secret}&x;</a>`,
      `<a p='${secret}'><b></a>`,
      `<a p='${secret}' p='1'/>`,
    ]) {
      const error = thrown(() => parseXml(text));
      expect(error).toBeInstanceOf(XmlError);
      expect(String(error)).not.toContain(secret);
    }
  });
});

describe("any input", () => {
  const readers: readonly ((text: string) => unknown)[] = [
    parseXml,
    parseDomain,
    parseProfileNetwork,
    parseNodeDevice,
    parseHostCapabilities,
  ];

  /** Documents that were good until pieces of them were moved, doubled, cut out or replaced. */
  const damaged = fc
    .tuple(
      fc.constantFrom(
        fixtureInput("running", "domain"),
        fixtureInput("pf", "node-device"),
        fixtureInput("host", "capabilities"),
      ),
      fc.array(
        fc.tuple(
          fc.nat(4000),
          fc.nat(40),
          fc.oneof(
            xmlText,
            fc.constantFrom("<", ">", "'", "</", "/>", "<!", "&", "__proto__", "]]>", "<![CDATA[", "-->", "<?", "\0"),
          ),
        ),
        { minLength: 1, maxLength: 4 },
      ),
    )
    .map(([text, edits]) =>
      edits.reduce((from, [at, cut, put]) => from.slice(0, at) + put + from.slice(at + cut), text),
    );

  /** Well-formed documents with libvirt's words in the wrong places and values that are none. */
  const scrambled = fc
    .array(fc.tuple(fc.nat(200), fc.constantFrom("", "-1", "0x", "99999999999999999999", "NaN", "__proto__", "yes")), {
      maxLength: 8,
    })
    .map((edits) =>
      edits.reduce(
        (text, [nth, value]) => {
          let seen = -1;
          return text.replaceAll(/='[^']*'/g, (old) => ((seen += 1) === nth ? `='${value}'` : old));
        },
        fixtureInput("running", "domain"),
      ),
    );

  it("is read or refused with an XmlError, and leaves no trace in prototypes", () => {
    const before = Reflect.ownKeys(Object.prototype);
    fc.assert(
      fc.property(
        fc.oneof(
          damaged,
          scrambled,
          fc.string({ unit: "binary" }),
          fc.string(),
          anyElement.map((e) => formatXml(e)),
        ),
        (text) => {
          for (const read of readers) {
            try {
              read(text);
            } catch (error) {
              expect(error).toBeInstanceOf(XmlError);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
  });
});

describe("writing", () => {
  it.each<[string, Element]>([
    ["a control character", element("a", {}, "\u0000")],
    ["an unpaired surrogate in an attribute", element("a", { b: "\uDC00" })],
    ["a name with a blank", element("a b")],
    ["a name that would be markup", element("a><b")],
    ["an attribute name that would be markup", element("a", { "b='1' c": "2" })],
    ["an empty name", element("")],
    ["text after a child", element("a", {}, [{ ...element("b"), tail: "\uFFFF" }])],
  ])("refuses %s", (_what, unwritable) => {
    expect(thrown(() => formatXml(unwritable))).toMatchObject({
      name: "XmlError",
      problem: { code: "xml-unwritable" },
    });
  });
});

function entityBomb(): string {
  const levels = Array.from({ length: 9 }, (_, n) => `<!ENTITY e${n + 1} '${`&e${n};`.repeat(10)}'>`);
  return `<!ENTITY e0 'ha'>${levels.join("")}`;
}

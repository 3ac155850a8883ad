import fc from "fast-check";
import { expect, it } from "vitest";
import { element, formatXml, parseXml } from "../../../../provider/xml/element.js";
import { buildMetadata, embedMetadata, findMetadata } from "../../../../provider/backends/libvirt/xml/metadata.js";
import { xmlText } from "./arbitraries.js";

it("is found again in the object it was put into, beside that of others", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("profile" as const, "journal" as const),
      fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z]{0,8}$/), xmlText, { maxKeys: 3, noNullPrototype: false }),
      fc.array(xmlText, { maxLength: 3 }),
      (kind, attributes, texts) => {
        const metadata = buildMetadata(
          kind,
          attributes,
          texts.map((text) => element("step", {}, [element("note", {}, text)])),
        );
        const domain = element("domain", {}, [
          element("metadata", {}, [
            element("o:vm", { "xmlns:o": "http://ovirt.org/vm/1.0" }, [element("o:note", {}, "theirs")]),
            embedMetadata(kind, metadata),
          ]),
        ]);
        const read = parseXml(formatXml(domain));
        expect(findMetadata(kind, read)).toEqual(metadata);
        expect(findMetadata(kind === "profile" ? "journal" : "profile", read)).toBeUndefined();
      },
    ),
  );
});

it("goes to libvirt without namespace, and into a document with it", () => {
  const journal = buildMetadata("journal", { id: 1 }, [undefined, element("step")]);
  expect(formatXml(journal)).toBe('<journal id="1"><step/></journal>');
  expect(formatXml(embedMetadata("journal", journal))).toBe(
    '<vnic:journal xmlns:vnic="https://pulumi-vnic-failover.dev/xmlns/journal/1" id="1"><vnic:step/></vnic:journal>',
  );
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { element, formatXml, parseXml } from "../../../../provider/xml/element.js";
import {
  buildInterfaceRecords,
  parseInterfaceRecords,
  type InterfaceRecord,
} from "../../../../provider/backends/libvirt/xml/interface-record.js";
import { XmlError } from "../../../../provider/xml/xml-error.js";
import { macAddress } from "./arbitraries.js";

const record: fc.Arbitrary<InterfaceRecord> = fc.record(
  {
    id: fc.uuid(),
    profile: fc.uuid(),
    standbyProfile: fc.uuid(),
    mac: macAddress,
    plugged: fc.boolean(),
    linked: fc.boolean(),
    adopted: fc.record({ primaryAlias: fc.uuid(), standbyAlias: fc.uuid() }, { requiredKeys: ["primaryAlias"] }),
    owner: fc.constantFrom("dev::shop::web-nic", "dev::shop::a name"),
  },
  { requiredKeys: ["id", "profile", "mac", "plugged", "linked"] },
);

describe("a VM's interface records", () => {
  it("come back as they were written, through the XML that libvirt keeps", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 4 }), (records) => {
        expect(parseInterfaceRecords(parseXml(formatXml(buildInterfaceRecords(records))))).toEqual(records);
      }),
    );
  });

  it("are none where there is no metadata", () => {
    expect(parseInterfaceRecords(undefined)).toEqual([]);
  });

  it.each(["id", "profile", "mac", "plugged", "linked"])("without %s are refused, and say so", (missing) => {
    const complete = { id: "1", profile: "2", mac: "52:54:00:aa:00:50", plugged: "yes", linked: "yes" };
    const metadata = element("interfaces", {}, [element("interface", { ...complete, [missing]: undefined })]);
    expect(() => parseInterfaceRecords(metadata)).toThrow(XmlError);
    expect(() => parseInterfaceRecords(metadata)).toThrow(`Unable to read "${missing}" of an interface`);
  });
});

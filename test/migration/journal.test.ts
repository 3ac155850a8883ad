import { stepNames } from "../../provider/migration/step-table.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildJournal, parseJournal, type Journal } from "../../provider/migration/journal.js";
import { element, formatXml, parseXml, withAttributes, withChildren } from "../../provider/xml/element.js";
import { buildPrimary } from "../../provider/backends/libvirt/xml/teaming.js";
import { macAddress, pciAddress, primary } from "../backends/libvirt/xml/arbitraries.js";

const word = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/);
const moment = fc.integer({ min: 0, max: 4_102_444_800_000 });
const journal: fc.Arbitrary<Journal> = fc.record({
  id: fc.uuid(),
  from: word,
  to: word,
  step: fc.constantFrom(...stepNames),
  mover: fc.record(
    { machine: word, pid: fc.nat(), command: word, boot: word, pidNamespace: word, processStart: word },
    { requiredKeys: ["machine", "pid"] },
  ),
  started: moment,
  until: moment,
  interfaces: fc.array(
    fc.record(
      {
        mac: macAddress,
        primaryAlias: word,
        standbyAlias: word,
        network: word,
        sourceVf: pciAddress,
        destinationVf: pciAddress,
        device: primary.map(buildPrimary),
      },
      { requiredKeys: ["mac", "primaryAlias", "standbyAlias", "network", "sourceVf", "destinationVf"] },
    ),
    { maxLength: 3 },
  ),
});

const example: Journal = {
  id: "6f2c1f0e-7a4c-4c2e-9a3f-3c1b0d9e8f7a",
  from: "host1",
  to: "host2",
  step: "plug",
  mover: { machine: "ci-1", pid: 4242 },
  started: 1_700_000_000_000,
  until: 1_700_000_045_000,
  interfaces: [
    {
      mac: "52:54:00:aa:00:50",
      primaryAlias: "ua-vf",
      standbyAlias: "ua-standby",
      network: "data-vf",
      sourceVf: { domain: 0, bus: 1, slot: 16, function: 0 },
      destinationVf: { domain: 0, bus: 1, slot: 16, function: 2 },
    },
  ],
};

describe("a move's journal", () => {
  it("comes back as it was written, through the XML that libvirt keeps", () => {
    fc.assert(
      fc.property(journal, (written) => {
        expect(parseJournal(parseXml(formatXml(buildJournal(written))))).toEqual(written);
      }),
    );
  });

  it("is readable for a person: names, and PCI addresses as sysfs has them", () => {
    expect(formatXml(buildJournal(example))).toBe(
      '<journal id="6f2c1f0e-7a4c-4c2e-9a3f-3c1b0d9e8f7a" from="host1" to="host2" step="plug" started="1700000000000" until="1700000045000" machine="ci-1" pid="4242"><interface mac="52:54:00:aa:00:50" primaryAlias="ua-vf" standbyAlias="ua-standby" network="data-vf" sourceVf="0000:01:10.0" destinationVf="0000:01:10.2"/></journal>',
    );
  });

  it("is none where there is none", () => {
    expect(parseJournal(undefined)).toBeUndefined();
  });

  const foreign = [
    ["empty", element("journal"), /id /],
    ["without a step", withAttributes(buildJournal(example), { step: "" }), /step /],
    ["with an id that is none", withAttributes(buildJournal(example), { id: "7" }), /id /],
    ["with a time that is none", withAttributes(buildJournal(example), { until: "soon" }), /until /],
    [
      "with a VF that is none",
      withChildren(buildJournal(example), [
        element("interface", { ...buildJournal(example).children[0]?.attributes, destinationVf: "eth2" }),
      ]),
      /destinationVf is not a PCI address/,
    ],
    [
      "with an interface of which something is missing",
      withChildren(buildJournal(example), [element("interface", { mac: "52:54:00:aa:00:50" })]),
      /primaryAlias/,
    ],
  ] as const;
  it.each(foreign)("that is %s is refused, not guessed at", (_, metadata, why) => {
    expect(() => parseJournal(metadata)).toThrow(why);
    expect(() => parseJournal(metadata)).toThrow(
      expect.objectContaining({ problem: expect.objectContaining({ code: "journal-unreadable" }) as unknown }),
    );
  });
});

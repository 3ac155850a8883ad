/** What our mapping writes, the engine's mapper takes; and what the engine shows, ours reads. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatNic, parseNic } from "../../../provider/backends/ovirt/rest/nic.js";
import { parseVm } from "../../../provider/backends/ovirt/rest/vm.js";
import { formatProfile, parseProfile } from "../../../provider/backends/ovirt/rest/vnic-profile.js";
import { formatXml, parseXml, XmlError } from "../../../provider/xml/element.js";
import { mapNic, mapProfile, newNic, newProfile } from "../../engine/mapper.js";
import { Model, type Vm } from "../../engine/model.js";
import { nicXml, profileXml } from "../../engine/representation.js";

const id = fc.uuid();
/** The engine takes no white space at the ends of names and values. */
const name = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
const vm: Vm = { id: "vm", name: "vm", cluster: "c", status: "down", nics: [], devices: [] };

const profile = fc.record({
  name,
  network: id,
  passThrough: fc.constantFrom("enabled" as const, "disabled" as const),
  migratable: fc.boolean(),
  portMirroring: fc.boolean(),
  failover: fc.option(id, { nil: undefined }),
  networkFilter: fc.option(id, { nil: undefined }),
  qos: fc.option(id, { nil: undefined }),
  description: fc.option(name, { nil: undefined }),
  customProperties: fc.dictionary(fc.stringMatching(/^[a-z][a-z_]{0,8}$/), name, { maxKeys: 3 }),
});

describe("a profile", () => {
  it("comes back as it was written", () => {
    fc.assert(
      fc.property(profile, (written) => {
        const stored = mapProfile(parseXml(formatXml(formatProfile(written))), newProfile());
        const read = parseProfile(parseXml(formatXml(profileXml(new Model(), stored), { pretty: true })));
        expect(read).toEqual({
          ...written,
          id: stored.id,
          migratable: written.passThrough === "enabled" ? written.migratable : undefined,
        });
      }),
    );
  });

  it("keeps what is not written, and clears what is null", () => {
    fc.assert(
      fc.property(profile, (written) => {
        const stored = mapProfile(formatProfile(written), newProfile());
        expect(mapProfile(formatProfile({}), stored)).toEqual(stored);
        expect(mapProfile(formatProfile({ qos: null, networkFilter: null }), stored)).toEqual({
          ...stored,
          qos: undefined,
          networkFilter: undefined,
        });
      }),
    );
  });
});

it("a NIC comes back as it was written", () => {
  const nic = fc.record({
    name,
    mac: fc.constant("52:54:00:12:34:56"),
    interface: fc.constantFrom("virtio" as const, "pci_passthrough" as const),
    linked: fc.boolean(),
    plugged: fc.boolean(),
    profile: id,
  });
  fc.assert(
    fc.property(nic, (written) => {
      const stored = mapNic(parseXml(formatXml(formatNic(written))), newNic());
      expect(parseNic(parseXml(formatXml(nicXml(vm, stored), { pretty: true })))).toEqual({
        ...written,
        id: stored.id,
      });
    }),
  );
});

it("an answer that lacks what must be there, or holds what can't be, is not read", () => {
  const broken = [
    () => parseVm(parseXml("<vm><name>web</name><status>up</status><cluster id='c'/></vm>")),
    () => parseVm(parseXml("<vm id='1'><name>web</name><cluster id='c'/></vm>")),
    () => parseVm(parseXml("<vm id='1'><name>web</name><status>up</status><cluster/></vm>")),
    () => parseNic(parseXml("<nic id='1'><name>n</name><plugged>maybe</plugged></nic>")),
    () => parseProfile(parseXml("<vnic_profile id='1'><network id='2'/></vnic_profile>")),
  ];
  for (const read of broken) expect(read).toThrow(XmlError);
});

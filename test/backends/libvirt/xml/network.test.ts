import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatXml, parseXml } from "../../../../provider/xml/element.js";
import {
  buildProfileNetwork,
  formatProfileNetwork,
  parseProfileNetwork,
  type ProfilePlace,
  type ProfileRecord,
} from "../../../../provider/backends/libvirt/xml/network.js";
import { profile } from "./arbitraries.js";
import { fixtureInput, fixtures } from "./fixtures.js";

const place = { bridge: "br0", physicalFunction: "eth2" };

describe("a profile's network", () => {
  it.each(fixtures("profile"))("is that of $name", ({ input, expected }) => {
    const given = JSON.parse(input) as { profile: ProfileRecord; place: ProfilePlace };
    expect(formatXml(buildProfileNetwork(given.profile, given.place), { pretty: true })).toBe(expected.trimEnd());
    expect(parseProfileNetwork(expected)?.profile).toEqual(given.profile);
  });

  it("is read back as it was built", () => {
    fc.assert(
      fc.property(profile, (original) => {
        const built = buildProfileNetwork(original, place);
        const read = parseProfileNetwork(formatXml(built));
        expect(read).toEqual({
          profile: original,
          ...(original.passThrough === "enabled" ? { pf: place.physicalFunction } : { bridge: place.bridge }),
        });
        expect(read && buildProfileNetwork(read.profile, place)).toEqual(built);
      }),
      { numRuns: 300 },
    );
  });

  it("is the same whatever the order of the custom properties", () => {
    fc.assert(
      fc.property(profile, (original) => {
        const reversed = Object.fromEntries(Object.entries(original.customProperties).reverse());
        expect(formatProfileNetwork({ ...original, customProperties: reversed }, place)).toBe(
          formatProfileNetwork(original, place),
        );
      }),
    );
  });

  it("is read under any prefix, or none", () => {
    const [{ input, expected } = { input: "{}", expected: "" }] = fixtures("profile");
    const given = JSON.parse(input) as { profile: ProfileRecord };
    const renamed = expected.replaceAll("vnic:", "x:").replace("xmlns:vnic=", "xmlns:x=");
    const declaredAbove = renamed
      .replace(/ xmlns:x="[^"]*"/, "")
      .replace("<metadata>", '<metadata xmlns:x="https://pulumi-vnic-failover.dev/xmlns/profile/1">');
    const unprefixed = renamed.replaceAll(/(<\/?)x:/g, "$1").replace("xmlns:x=", "xmlns=");
    for (const xml of [renamed, declaredAbove, unprefixed])
      expect(parseProfileNetwork(xml)?.profile).toEqual(given.profile);
  });

  it("is told from other networks", () => {
    expect(parseProfileNetwork("<network><name>default</name><bridge name='virbr0'/></network>")).toBeUndefined();
    const [{ expected } = { expected: "" }] = fixtures("profile");
    expect(parseProfileNetwork(expected.replace("xmlns/profile/1", "xmlns/profile/2"))).toBeUndefined();
  });

  it.each([
    [' passThrough="disabled"', ' passThrough="maybe"', "passThrough"],
    [' migratable="true"', ' migratable="constructor"', "migratable"],
    [' portMirroring="false"', "", "portMirroring"],
    [' network="data"', "", "network"],
    [/<uuid>.*<\/uuid>/, "", "uuid"],
    [' name="queues"', "", "customProperty"],
  ])("is refused when someone made %s into %j", (from, to, key) => {
    const expected = fixtures("profile").find(({ name }) => name === "bridge")?.expected ?? "";
    expect(() => parseProfileNetwork(expected.replace(from, to))).toThrow(`Unable to read "${key}" of the profile`);
  });

  it("needs a bridge or a PF, as the profile says", () => {
    const given = JSON.parse(fixtureInput("bridge", "profile")) as { profile: ProfileRecord };
    expect(() => buildProfileNetwork(given.profile, { physicalFunction: "eth2" })).toThrow(
      'network "data" has no bridge',
    );
    expect(() => buildProfileNetwork({ ...given.profile, passThrough: "enabled" }, { bridge: "br0" })).toThrow(
      'network "data" has no physicalFunctions',
    );
  });

  it("keeps a custom property named like a property of every object", () => {
    const given = JSON.parse(fixtureInput("bridge", "profile")) as { profile: ProfileRecord };
    const customProperties = Object.fromEntries([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    const text = formatProfileNetwork({ ...given.profile, customProperties }, place);
    expect(Object.entries(parseProfileNetwork(text)?.profile.customProperties ?? {})).toEqual(
      Object.entries(customProperties),
    );
    expect(formatXml(parseXml(text))).toBe(text);
  });
});

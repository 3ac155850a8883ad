import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attachable } from "../../../../provider/backends/libvirt/xml/primary.js";
import { parseDomain, replacePrimarySource, withInterface } from "../../../../provider/backends/libvirt/xml/domain.js";
import { element, formatXml, parseXml, type Element } from "../../../../provider/xml/element.js";
import { buildMetadata, embedMetadata } from "../../../../provider/backends/libvirt/xml/metadata.js";
import {
  formatProfileNetwork,
  type ProfilePlace,
  type ProfileRecord,
} from "../../../../provider/backends/libvirt/xml/network.js";
import { buildPrimary, buildStandby } from "../../../../provider/backends/libvirt/xml/teaming.js";
import { primary, profile, standby } from "./arbitraries.js";
import { fixtureInput, fixtures } from "./fixtures.js";
import { invalid } from "./schemas.js";

describe("by libvirt's own schemas", () => {
  it("any pair that is built belongs into a domain", () => {
    const pairs = fc.sample(fc.tuple(standby, primary), { numRuns: 60, seed: 1 });
    const documents = pairs.map(([virtio, vf]) => domainWith(buildStandby(virtio), buildPrimary(vf)));
    expect(invalid("domain", documents)).toEqual([]);
  });

  it("the feature page's pair and the fixtures belong into a domain", () => {
    const built = [...fixtures("standby"), ...fixtures("primary")].map(({ expected }) => parseXml(expected));
    expect(
      invalid(
        "domain",
        built.map((each) => domainWith(each)),
      ),
    ).toEqual([]);
  });

  it("any profile's network is a network", () => {
    const samples = fc.sample(profile, { numRuns: 60, seed: 2 });
    const place = { bridge: "br0", physicalFunction: "eth2" };
    const given = fixtures("profile").map(
      ({ input }) => JSON.parse(input) as { profile: ProfileRecord; place: ProfilePlace },
    );
    const documents = [
      ...samples.map((sample) => formatProfileNetwork(sample, place)),
      ...given.map((fixture) => formatProfileNetwork(fixture.profile, fixture.place)),
    ];
    expect(invalid("network", documents)).toEqual([]);
  });

  it("an edited domain is still a domain", () => {
    const vf = { domain: 0, bus: 0xb3, slot: 0x11, function: 4 };
    const running = parseDomain(fixtureInput("running", "domain")).raw;
    const [nic = element("interface")] = fc.sample(primary, { numRuns: 1, seed: 3 }).map(buildPrimary);
    const pair = { mac: "52:54:00:aa:00:01", primaryAlias: "ua-vf", standbyAlias: "ua-standby" };
    const journal = embedMetadata("journal", buildMetadata("journal", { id: 1 }, [element("step")]));
    const edited = [
      replacePrimarySource(running, pair, vf),
      onDevice(running, "ua-vf", (device) => attachable(device, vf)),
      withInterface(running, nic, { before: "net2" }),
      {
        ...running,
        children: running.children.map((each) =>
          each.name === "metadata" ? element("metadata", {}, [journal]) : each,
        ),
      },
    ];
    expect(
      invalid(
        "domain",
        [running, ...edited].map((domain) => formatXml(domain)),
      ),
    ).toEqual([]);
  });

  it("what is wrong is told from what is right", () => {
    const right = domainWith(buildStandby({ mac: "52:54:00:00:00:01", bridge: "br0", linkState: "up", alias: "ua-a" }));
    const wrong = right.replace("persistent", "active");
    expect(invalid("domain", [right, wrong])).toEqual([expect.stringContaining("active")]);
    expect(invalid("network", ["<network/>"])).toHaveLength(1);
  });
});

function onDevice(domain: Element, alias: string, edit: (device: Element) => Element): Element {
  const edited = (from: Element): Element => {
    const isIt = from.children.some((child) => child.name === "alias" && child.attributes["name"] === alias);
    return isIt ? edit(from) : { ...from, children: from.children.map(edited) };
  };
  return edited(domain);
}

function domainWith(...devices: readonly Element[]): string {
  return formatXml(
    element("domain", { type: "kvm" }, [
      element("name", {}, "web"),
      element("memory", { unit: "MiB" }, "256"),
      element("os", {}, [element("type", { arch: "x86_64", machine: "q35" }, "hvm")]),
      element("devices", {}, devices),
    ]),
  );
}

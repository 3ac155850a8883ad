/** Who may edit one VM's metadata, against all other VMs. */
import { drainFacts } from "../../provider/drain/facts.js";
import { unstartableOn } from "../../provider/backends/libvirt/start-survey.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LibvirtHost } from "../../provider/backends/libvirt/host.js";
import { vfUsers } from "../../provider/backends/libvirt/inventory.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { element, withChildren, type Element } from "../../provider/xml/element.js";
import { metadataNamespace } from "../../provider/backends/libvirt/xml/metadata.js";
import { withoutMetadata } from "../../provider/backends/libvirt/xml/without-metadata.js";
import { bridgeProfile, declarePair, declareProfiles } from "../hosts/declared.js";
import { domainXml, twoHosts, type LabLike } from "../hosts/two-hosts.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

const evil = { name: "evil", uuid: "11111111-2222-4333-8444-0000000000e1" } as const;

function defineWith(metadata: string): void {
  const xml = domainXml(evil).replace("<memory ", `<metadata>${metadata}</metadata><memory `);
  lab.host2.domains.define(xml);
}

const incomplete = `<vnic:interfaces xmlns:vnic="${metadataNamespace("interfaces")}"><vnic:interface id="x"/></vnic:interfaces>`;

describe("X15: a record that cannot be read", () => {
  test("stops no profile and no interface of another VM, and is told of once, with VM and host", async () => {
    defineWith(incomplete);
    const { profile } = await declareProfiles(lab);
    const command = {};
    for (const mac of ["52:54:00:aa:00:50", "52:54:00:aa:00:51"]) {
      const { failures } = await vmInterface.check(lab.context({ command }), { vm: "web", profile, mac });
      expect(failures).toEqual([]);
    }
    expect(lab.progress.warnings.filter((warning) => warning.includes("evil"))).toEqual([
      expect.stringMatching(
        /^Unable to read VM "evil" on host "host2": Unable to read "profile" of an interface in the domain's metadata\. The VM's interfaces are unknown\. .*virsh edit\.$/,
      ),
    ]);
    const created = await vmInterface.create(lab.context(), { vm: "web", profile, mac: "52:54:00:aa:00:50" });
    expect(created.state.vf).toBeDefined();
  });

  test("is an error for its own VM, which names it", async () => {
    defineWith(incomplete);
    const { profile } = await declareProfiles(lab);
    await expect(vmInterface.create(lab.context(), { vm: "evil", profile, mac: "52:54:00:aa:00:60" })).rejects.toThrow(
      /Unable to read VM "evil" on host "host2"/,
    );
  });

  test("keeps a profile that its VM may use, and says which VM", async () => {
    const made = await vnicProfile.create(lab.context(), bridgeProfile);
    defineWith(incomplete);
    await expect(vnicProfile.delete(lab.context(), made.id, made.state)).rejects.toThrow(/evil/);
  });

  test("of another VM is no hindrance to one that is there already", async () => {
    const pair = await declarePair(lab);
    defineWith(incomplete);
    expect(pair.profile).toBeDefined();
    const { failures } = await vmInterface.check(lab.context(), {
      vm: "web",
      profile: pair.standbyProfile,
      mac: "52:54:00:aa:00:52",
    });
    expect(failures).toEqual([]);
  });
});

function many(name: string) {
  return Array.from({ length: 260_000 }, () => element(name));
}

/** More than the hosts of this test read themselves. */
function defineFull(metadata: Element): void {
  const domain = lab.host2.domains.define(domainXml(evil));
  const config = domain.config ?? expect.unreachable();
  domain.config = withChildren(config, [...config.children, element("metadata", {}, [metadata])]);
}

describe("X15: metadata of hundreds of thousands of elements", () => {
  const full = `<app:all xmlns:app="urn:app">${"<app:a/>".repeat(260_000)}</app:all>`;
  const all = element("app:all", { "xmlns:app": "urn:app" }, many("app:a"));

  test("fails no plug, no move and no look at VFs of other VMs of its host, or keeps them", async () => {
    const xml = domainXml(evil).replace("<memory ", `<metadata>${full}</metadata><memory `);
    // Its VF is seen all the same.
    const vf = `<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source></hostdev>`;
    const host = {
      name: "host1",
      domains: () => Promise.resolve([{ name: "evil", uuid: evil.uuid, id: -1 }]),
      domainXml: () => Promise.resolve(xml.replace("<memballoon", `${vf}<memballoon`)),
    } as unknown as LibvirtHost;
    const users = await vfUsers(host);
    expect(users).toMatchObject([{ domain: "evil" }]);
  });

  test("of a VM that runs leaves it out of a drain, and hides nothing from doctor", async () => {
    defineFull(all);
    lab.host2.domains.start(lab.host2.domains.requireNamed("evil"));
    const { vms } = await drainFacts(lab.cluster, "host2", ["host1"]);
    expect(vms).toMatchObject([{ name: "evil" }]);
    expect(vms[0]?.excluded.get("host1")).toMatch(/^Unable to read VM "evil" on host "host2"/);
    expect(await unstartableOn(lab.cluster.host("host2"))).toEqual([]);
  });

  test("stops no interface and no profile of another VM, and is told of with VM and host", async () => {
    defineFull(all);
    const { profile } = await declareProfiles(lab);
    const { failures } = await vmInterface.check(lab.context(), { vm: "web", profile, mac: "52:54:00:aa:00:50" });
    expect(failures).toEqual([]);
    expect(lab.progress.warnings).toEqual([
      expect.stringMatching(/^Unable to read VM "evil" on host "host2": .*more than 250000 elements/),
    ]);
    const created = await vmInterface.create(lab.context(), { vm: "web", profile, mac: "52:54:00:aa:00:50" });
    expect(created.state.vf).toBeDefined();
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
  });

  test("is an error of its own VM, which names it", async () => {
    defineFull(all);
    await expect(lab.cluster.host("host2").liveDomain({ ...evil, id: -1 })).rejects.toThrow(
      /Unable to read VM "evil" on host "host2"/,
    );
  });
});

describe("X15: a journal that cannot be read", () => {
  const huge = element("vnic:journal", { "xmlns:vnic": metadataNamespace("journal"), id: "x" }, many("vnic:a"));

  test("reserves no VF of the host, and stops no plug and no move of another VM", async () => {
    defineFull(huge);
    const { profile } = await declareProfiles(lab);
    const created = await vmInterface.create(lab.context(), { vm: "web", profile, mac: "52:54:00:aa:00:50" });
    expect(created.state.vf).toBeDefined();
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
  });

  test("is an error of its own VM, which names it", async () => {
    defineWith(`<vnic:journal xmlns:vnic="${metadataNamespace("journal")}" id="x"/>`);
    await expect(recover(lab.cluster, "evil")).rejects.toThrow(/Unable to read the journal .* metadata of VM "evil"/);
  });
});

describe("X15: where metadata ends", () => {
  const around = (metadata: string) => `<domain><name>a</name>${metadata}<devices><hostdev/></devices></domain>`;

  test.each([
    ["nothing", "", ""],
    ["an empty element", "<metadata/>", "<metadata/>"],
    [
      "one of its own inside",
      "<metadata><x:metadata xmlns:x='a'><metadata><b/></metadata></x:metadata></metadata>",
      "",
    ],
    ["its end in CDATA", "<metadata><a><![CDATA[</metadata><devices><hostdev/>]]></a></metadata>", ""],
    ["its end in a comment", "<metadata><!-- </metadata><devices> --><a/></metadata>", ""],
    ["its end in an instruction", "<metadata><?a </metadata>?><a/></metadata>", ""],
    ["an end of a tag in an attribute", `<metadata><a b="/>"><c/></a></metadata>`, ""],
    ["no end", "<metadata><a>", "<metadata><a>"],
  ])("%s", (_, metadata, left) => {
    expect(withoutMetadata(around(metadata))).toBe(around(left));
  });
});

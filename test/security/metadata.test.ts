/** Who may edit one VM's metadata, against everybody else's VMs. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { declaredInterfaces, declaredProfiles } from "../../provider/handlers/declarations.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { metadataNamespace } from "../../provider/backends/libvirt/xml/metadata.js";
import { bridgeProfile, declarePair, declareProfiles } from "../hosts/declared.js";
import { domainXml, labLike, type LabLike } from "../hosts/lab-like.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await labLike();
  declaredProfiles.clear();
  declaredInterfaces.clear();
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
        /^Unable to read VM "evil" on host "host2": Unable to read "profile" of an interface in the domain's metadata\. .*virsh edit\. Which interfaces it has is not known\.$/,
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

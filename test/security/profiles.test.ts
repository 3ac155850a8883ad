/** One host that says something else of a profile than the others. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { missingVfsOf, plugMissingVfs } from "../../provider/migration/repair.js";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { noProgress } from "../../provider/model/progress.js";
import { declarePair, declareProfiles, vfProfile } from "../hosts/declared.js";
import { clusterState } from "../hosts/cluster-state.js";
import { twoHosts, labNetworks, vm, type LabLike } from "../hosts/two-hosts.js";

const networks = { ...labNetworks, "mgmt-vf": { physicalFunctions: ["pf0"], vlan: 666 } };

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts({ networks });
});
afterEach(() => lab.close());

/** host1 says that the profile is of the management network. */
function lie(id: string): void {
  const network = lab.host1.networks.byUuid(id);
  const xml = lab.host1.networks.xml(network);
  expect(xml).toContain('network="data-vf"');
  lab.host1.networks.define(xml.replace('network="data-vf"', 'network="mgmt-vf"'));
}

const differs =
  /Unable to use vNIC profile "data-vf": it differs between the hosts \(network: "mgmt-vf" on "host1", "data-vf" on "host2"\)\. Run pulumi up in the stack that declares it, then retry\./;

describe("X4: a profile that one host keeps differently", () => {
  test("plugs nothing, at preview and at create", async () => {
    const { profile } = await declareProfiles(lab);
    lie(profile);
    const inputs = { vm: vm.name, profile, mac: vm.mac };
    expect((await vmInterface.check(lab.context(), inputs, undefined)).failures).toEqual([
      { property: "profile", reason: expect.stringMatching(differs) as string },
    ]);
    await expect(vmInterface.create(lab.context(), inputs)).rejects.toThrow(differs);
    expect(clusterState(lab).vfs).toEqual([]);
  });

  test("does not plug a VF that is missing", async () => {
    const { profile, state } = await declarePair(lab);
    lie(profile);
    const web = lab.host1.domains.named(vm.name) ?? expect.unreachable();
    lab.host1.domains.remove(web, state.aliases.at(-1) ?? "", Affect.LIVE);
    expect(await missingVfsOf(lab.cluster, vm.name)).toHaveLength(1);
    await expect(plugMissingVfs(lab.cluster, vm.name, noProgress)).rejects.toThrow(differs);
  });

  test("shows in a refresh, and can be removed", async () => {
    const { profile, standbyProfile } = await declareProfiles(lab);
    lie(profile);
    const state = { ...vfProfile, failover: standbyProfile, differsOn: [] };
    expect((await vnicProfile.read(lab.context(), profile, state))?.state.differsOn).not.toEqual([]);
    await vnicProfile.delete(lab.context(), profile, state);
    for (const host of lab.hosts) expect(host.networks.all().map(({ name }) => name)).toEqual(["data"]);
  });
});

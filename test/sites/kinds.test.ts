/** Kinds of storage, memory and devices of docs/sites.md that no other test shows, through the models of hosts. */
import { describe, expect } from "vitest";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { errorsOf, MoveRefused, planMove, warningsOf } from "../../provider/migration/plan.js";
import { parseXml, withChildren } from "../../provider/xml/element.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { vfProfile } from "../hosts/declared.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { twoHosts, vfs, vm, type LabLike } from "../hosts/two-hosts.js";

const web = ({ host1 }: LabLike) => host1.domains.requireNamed("web");
const attach = (lab: LabLike, xml: string) => lab.host1.domains.attach(web(lab), parseXml(xml), Affect.LIVE);
const planned = (lab: LabLike) => planMove(lab.cluster, "web", "host2", defaultMigrationOptions);
const refusals = async (lab: LabLike) => errorsOf(await planned(lab)).map(({ rule, message }) => `${rule}: ${message}`);
const outcome = async (lab: LabLike) =>
  (await moveVm(lab.cluster, { vm: "web", to: "host2", options: defaultMigrationOptions }))?.outcome;

/** The running VM has these elements in the place of its own. */
function give(lab: LabLike, ...elements: readonly string[]): void {
  const domain = web(lab);
  const given = elements.map((xml) => parseXml(xml));
  const live = domain.live ?? expect.fail("it does not run");
  const kept = live.children.filter(({ name }) => !given.some((each) => each.name === name));
  domain.live = withChildren(live, [...kept, ...given]);
}

describe("storage that libvirt takes for shared", () => {
  it.for([
    ["a block device", "<disk type='block'><source dev='/dev/san/web'/><target dev='vda'/></disk>"],
    ["RBD", "<disk type='network'><source protocol='rbd' name='vms/web'/><target dev='vda'/></disk>"],
    [
      "iSCSI by QEMU",
      "<disk type='network'><source protocol='iscsi' name='iqn.2026-01:web/1'/><target dev='vda'/></disk>",
    ],
    ["NBD", "<disk type='network'><source protocol='nbd' name='web'/><target dev='vda'/></disk>"],
  ] as const)("%s moves", async ([, disk], { lab }) => {
    attach(lab, disk);
    expect((await planned(lab)).findings).toEqual([]);
    expect(await outcome(lab)).toBe("moved");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("an NVMe disk is not", async ({ lab }) => {
    attach(lab, "<disk type='nvme'><source type='pci' namespace='1'/><target dev='vda'/></disk>");
    expect(await refusals(lab)).toEqual([
      expect.stringMatching(/^move-libvirt-accepts: .*Unsafe migration: Migration without shared storage is unsafe/),
    ]);
  });

  it("a CD-ROM moves, with a warning of its file", async ({ lab }) => {
    attach(lab, "<disk type='file'><source file='/srv/cd.iso'/><target dev='sda'/><readonly/></disk>");
    expect(warningsOf(await planned(lab)).map(({ rule }) => rule)).toEqual(["move-readonly-disks-there"]);
    expect(await outcome(lab)).toBe("moved");
  });
});

describe("huge pages", () => {
  const memory = "<memory unit='GiB'>4</memory>";
  const backing = (pages: string) => `<memoryBacking><hugepages>${pages}</hugepages></memoryBacking>`;

  it("of 1 GiB move", async ({ lab }) => {
    give(lab, memory, backing("<page size='1' unit='GiB'/>"));
    lab.host2.hugepages = [{ sizeKiB: 1_048_576, free: 4 }];
    expect(await refusals(lab)).toEqual([]);
    expect(await outcome(lab)).toBe("moved");
  });

  it("of two sizes are counted by the guest's NUMA nodes", async ({ lab }) => {
    const cells = "<cell id='0' cpus='0' memory='2' unit='GiB'/><cell id='1' cpus='1' memory='2' unit='GiB'/>";
    give(
      lab,
      memory,
      backing("<page size='2' unit='MiB' nodeset='0'/><page size='1' unit='GiB' nodeset='1'/>"),
      `<cpu><numa>${cells}</numa></cpu>`,
    );
    const with1GiB = (free: number) => [
      { sizeKiB: 2048, free: 2048 },
      { sizeKiB: 1_048_576, free },
    ];
    lab.host2.hugepages = with1GiB(1);
    expect(await refusals(lab)).toEqual([
      'move-hugepages: Host "host2" has 1 free huge page of 1 GiB, but VM "web" needs 2.',
    ]);
    lab.host2.hugepages = with1GiB(2);
    expect(await refusals(lab)).toEqual([]);
    expect(await outcome(lab)).toBe("moved");
  });
});

it("a VF without a standby is a host device that cannot migrate", async () => {
  const lab = await twoHosts();
  try {
    const { id: profile } = await vnicProfile.create(lab.context(), vfProfile);
    const nic = { vm: "web", profile, mac: vm.mac, plugged: true, linked: true };
    await vmInterface.create(lab.context(), nic);
    expect(await refusals(lab)).toEqual([
      `move-no-other-host-device: VM "web" has host devices that can't migrate: "${vfs[0]}".`,
    ]);
    await expect(outcome(lab)).rejects.toBeInstanceOf(MoveRefused);
  } finally {
    await lab.close();
  }
});

/** A source that is compromised while a VM moves away from it. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { hostResources } from "../../provider/backends/libvirt/xml/host-resources.js";
import { formatXml, parseXml, type Element } from "../../provider/xml/element.js";
import { declarePair } from "../hosts/declared.js";
import { domainXml, twoHosts, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import { prepared } from "../hosts/changing-calls.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
  await declarePair(lab);
});
afterEach(() => lab.close());

const edited = (xml: Element | undefined, from: string, to: string): Element =>
  parseXml(formatXml(xml ?? expect.unreachable()).replace(from, to));

const means: readonly (readonly [string, string, string, RegExp])[] = [
  ["another emulator", "/usr/bin/qemu-system-x86_64", "/bin/sh", /emulator "\/bin\/sh"/],
  [
    "a PCI device of the destination",
    "<memballoon",
    "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x03' slot='0x00' function='0x0'/></source></hostdev><memballoon",
    /PCI device 0000:03:00\.0/,
  ],
  [
    "a USB device",
    "<memballoon",
    "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev><memballoon",
    /hostdev of type usb with source \(vendor id="0x1"\)/,
  ],
  [
    "a disk",
    "<memballoon",
    "<disk type='block' device='disk'><source dev='/dev/sda'/><target dev='vdz'/></disk><memballoon",
    /disk of type block with source dev="\/dev\/sda"/,
  ],
  [
    "a file behind a disk",
    "<memballoon",
    "<disk type='file'><backingStore type='file'><source file='/etc/shadow'/></backingStore></disk><memballoon",
    /source file="\/etc\/shadow"/,
  ],
  [
    "a file system",
    "<memballoon",
    "<filesystem type='mount'><binary path='/bin/sh'/><source dir='/'/></filesystem><memballoon",
    /filesystem of type mount with source dir="\/"/,
  ],
  [
    "a file for a console",
    "<memballoon",
    "<serial type='file'><source path='/etc/cron.d/x'/></serial><memballoon",
    /serial of type file with source path="\/etc\/cron\.d\/x"/,
  ],
  [
    "a script of a NIC",
    "<memballoon",
    "<interface type='ethernet'><script path='/x'/></interface><memballoon",
    /script path="\/x"/,
  ],
  ["a kernel", "<os>", "<os><kernel>/etc/shadow</kernel>", /kernel "\/etc\/shadow"/],
  [
    "an argument of QEMU's",
    "<devices>",
    "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-x'/></qemu:commandline><devices>",
    /commandline \(arg value="-x"\)/,
  ],
  [
    "an argument of QEMU's, without a prefix",
    "<devices>",
    "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-x'/></commandline><devices>",
    /commandline \(arg value="-x"\)/,
  ],
  [
    "root's label",
    "<devices>",
    "<seclabel type='static' model='dac'><label>+0:+0</label></seclabel><devices>",
    /seclabel .*"\+0:\+0"/,
  ],
];

describe("X3: a source that names, when the VM is to leave it,", () => {
  test.each(means)("%s: the destination never sees it", async (_, from, to, said) => {
    const web = lab.host1.domains.requireNamed(vm.name);
    const before = web.live;
    lab.host1.refusesNothing = true;
    // After the one by which libvirt is asked whether the VM may leave.
    const afterPreflight = { when: () => true, skip: 1 };
    lab.host1.before(
      "domain_migrate_begin3_params",
      () => {
        web.live = edited(web.live, from, to);
      },
      afterPreflight,
    );
    const failed = moveVm(lab.cluster, { vm: vm.name, to: "host2" });
    await expect(failed).rejects.toThrow(said);
    expect(prepared(lab)).toBe(0);
    web.live = before;
    expect(clusterState(lab)).toMatchObject({ activeOn: ["host1"], vfs: [vfs[0]] });
  });

  test.each(["early", "late"] as const)("what the VM had all along, with %s unplug, is moved", async (unplug) => {
    const options = { ...defaultMigrationOptions, unplug };
    expect((await moveVm(lab.cluster, { vm: vm.name, to: "host2", options }))?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  test("something in the definition alone: the destination gets neither it nor the VM", async () => {
    const web = lab.host1.domains.requireNamed(vm.name);
    lab.host1.before("domain_detach_device_alias", () => {
      web.config = edited(web.config, "/usr/bin/qemu-system-x86_64", "/bin/sh");
    });
    await expect(moveVm(lab.cluster, { vm: vm.name, to: "host2" })).rejects.toThrow(/emulator "\/bin\/sh"/);
    expect(lab.host1.calls.get("domain_migrate_perform3_params") ?? 0).toBe(0);
    expect(lab.host2.domains.named(vm.name)).toBeUndefined();
  });
});

test("X3: what is the host's and what only the guest's is told apart", () => {
  const xml = domainXml(
    vm,
    "<channel type='unix'><source mode='bind' path='/run/a'/><target type='virtio' name='b'/></channel>",
  );
  expect([...hostResources(parseXml(xml))]).toEqual([
    'emulator "/usr/bin/qemu-system-x86_64"',
    'channel of type unix with source mode="bind" path="/run/a"',
  ]);
  // What libvirt writes of a running domain only.
  const disk = (more: string) =>
    hostResources(parseXml(domainXml(vm, `<disk type='file'><source file='/a'${more}/><target dev='vda'/></disk>`)));
  expect(disk(" index='1'")).toEqual(disk(""));
});

/** A VM whose memory is of huge pages, as SR-IOV's users have them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { domainXml, labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { guestMemory } from "../../lab/guest.js";
import { removeGuest, requireLab, type LabState } from "../../lab/lab.js";
import { ssh } from "../../lab/ssh.js";
import { answersAsRecorded, cli, configure, host1, host2, moves, onBoth, restartLibvirtd, web } from "../site.js";

/** Those of the guest, and some that QEMU takes besides. */
const pages = guestMemory / 2 + 8;
const reserve = (count: number) =>
  `echo 3 > /proc/sys/vm/drop_caches; echo 1 > /proc/sys/vm/compact_memory; echo ${count} > /proc/sys/vm/nr_hugepages; [ "$(cat /proc/sys/vm/nr_hugepages)" -eq ${count} ]`;
const free = "awk '/HugePages_Free/ { print $2 }' /proc/meminfo";

describe.skipIf(labSkipped !== undefined)("memory of huge pages", () => {
  let lab: LabState;

  beforeAll(async () => {
    lab = requireLab();
    await onBoth(lab, reserve(pages));
    // libvirt looks for the file system once, when it starts.
    await restartLibvirtd(
      lab,
      "mkdir -p /dev/hugepages; mountpoint -q /dev/hugepages || mount -t hugetlbfs hugetlbfs /dev/hugepages",
    );
    await prepare(lab, { hugepages: true });
    configure(lab);
  });
  afterAll(async () => {
    await removeGuest(lab, web);
    await onBoth(lab, reserve(0));
    await restartLibvirtd(lab, "umount /dev/hugepages");
  });

  test("the VM moves there and back, its memory in huge pages on both", async () => {
    await answersAsRecorded(lab, "hugepages");
    for (const to of [host2, host1]) {
      await moves(lab, to);
      expect(await domainXml(lab, to, web.name)).toMatch(/<hugepages/);
      expect(Number((await ssh(lab.image, to, free)).stdout)).toBeLessThanOrEqual(8);
    }
  });

  test("a destination with too few free ones is refused before anything changes", async () => {
    await ssh(lab.image, host2, reserve(guestMemory / 4));
    const planned = await cli("plan", web.name, "--to", "host2");
    expect(planned.status, planned.text).toBe(1);
    expect(planned.text).toMatch(/huge\s?pages?/i);
    const before = await domainXml(lab, host1, web.name);
    const refused = await cli("migrate", web.name, "--to", "host2");
    expect(refused.status, refused.text).toBe(1);
    expect(await domainXml(lab, host1, web.name)).toBe(before);
  });
});

/** A VM whose qcow2 disk is on NFS. */
import { afterAll, beforeAll, describe, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { removeGuest, requireLab, type LabState } from "../../lab/lab.js";
import { ssh } from "../../lab/ssh.js";
import { answersAsRecorded, configure, guestWrites, host1, host2, makeDisk, moves, onBoth, web } from "../site.js";

const folder = "/var/lib/shared";
const server = host1.migrationAddress;

/** NFS 4 alone: no port mapper. Its clients may not have to wait long for what an earlier server has promised them. */
const serve = `set -e
modprobe nfsd; mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
mkdir -p /srv/vms /var/lib/nfs/v4recovery; echo '/srv/vms 10.76.0.0/24(rw,sync,no_root_squash,no_subtree_check)' > /etc/exports
exportfs -ra; pgrep -x rpc.mountd > /dev/null || rpc.mountd --no-nfs-version 3
rpc.nfsd --no-nfs-version 3 --grace-time 10 --lease-time 10 2`;
const mount = `mkdir -p ${folder}; mountpoint -q ${folder} || mount -t nfs4 -o vers=4.2 ${server}:/srv/vms ${folder}`;
const unmount = `mountpoint -q ${folder} && umount -f -l ${folder}; true`;
const end = "rpc.nfsd 0; pkill -x rpc.mountd; exportfs -au; rm -f /etc/exports; true";

describe.skipIf(labSkipped !== undefined)("a qcow2 disk on NFS", () => {
  let lab: LabState;

  beforeAll(async () => {
    lab = requireLab();
    await ssh(lab.image, host1, serve);
    await onBoth(lab, mount);
    await makeDisk(lab, host1, `${folder}/web.qcow2`);
    await prepare(lab, { disk: `${folder}/web.qcow2` });
    configure(lab);
  });
  afterAll(async () => {
    await removeGuest(lab, web);
    await onBoth(lab, unmount);
    await ssh(lab.image, host1, end);
  });

  test("the VM moves there and back, and the guest goes on writing", async () => {
    await answersAsRecorded(lab, "nfs");
    await guestWrites(lab, host1);
    for (const to of [host2, host1]) {
      await moves(lab, to);
      await guestWrites(lab, to);
    }
  });
});

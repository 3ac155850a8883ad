/** A destination whose packet filter lets no migration in. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { bothEnslaved, labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { guestShows, requireLab, type LabState } from "../../lab/lab.js";
import { ssh } from "../../lab/ssh.js";
import { cli, configure, host1, host2, moves, vfWasNeverUnplugged, web } from "../site.js";

describe.skipIf(labSkipped !== undefined)("a packet filter before the migration ports", () => {
  let lab: LabState;
  const filter = (how: string) =>
    ssh(lab.image, host2, `iptables -I INPUT -i migr0 -p tcp --dport 49152:49215 -j ${how}`);

  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
    configure(lab);
  });
  afterEach(() => ssh(lab.image, host2, "iptables -F INPUT"));

  // firewalld rejects with the second.
  test.each(["DROP", "REJECT --reject-with icmp-admin-prohibited"])(
    "%s: plan and migrate refuse, and the VF is never unplugged",
    async (how) => {
      await filter(how);
      const planned = await cli("plan", web.name, "--to", "host2");
      expect(planned.status, planned.text).toBe(1);
      expect(planned.text).toContain(`${host2.migrationAddress}:49215`);
      const refused = await cli("migrate", web.name, "--to", "host2");
      expect(refused.status, refused.text).toBe(1);
      expect(refused.text).toContain(`${host2.migrationAddress}:49215`);
      await vfWasNeverUnplugged(lab);
    },
  );

  test("a reset in the host's place cannot be told from a port that nothing listens at: the move is rolled back", async () => {
    await filter("REJECT --reject-with tcp-reset");
    const failed = await cli("migrate", web.name, "--to", "host2");
    expect(failed.status, failed.text).toBe(2);
    expect(failed.answer, failed.text).toMatchObject({ outcome: "failed-on-source" });
    await guestShows(lab, web, host1, bothEnslaved);
  });

  test("once it lets them in, the VM moves", async () => {
    await moves(lab, host2);
  });
});

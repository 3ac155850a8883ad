/** A VM whose disk is on its host alone: what libvirt says of it stands in the preview, and nothing is unplugged. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { removeGuest, requireLab, type LabState } from "../../lab/lab.js";
import { withStack } from "../../pulumi/stack.js";
import {
  answersAsRecorded,
  cli,
  configure,
  guestWrites,
  host1,
  host2,
  makeDisk,
  moves,
  onBoth,
  vfWasNeverUnplugged,
  web,
} from "../site.js";

const folder = "/var/lib/local";
const words = "Unsafe migration: Migration without shared storage is unsafe";

const program = `
import { VmPlacement } from "pulumi-vnic-failover";
new VmPlacement("place", { vm: "web", host: "host2" });
`;

describe.skipIf(labSkipped !== undefined)("a qcow2 disk on the host's own disk", () => {
  let lab: LabState;

  beforeAll(async () => {
    lab = requireLab();
    await makeDisk(lab, host1, `${folder}/web.qcow2`);
    await prepare(lab, { disk: `${folder}/web.qcow2` });
    configure(lab);
  });
  afterAll(async () => {
    await removeGuest(lab, web);
    await onBoth(lab, `rm -rf ${folder}`);
  });

  test("plan, preview and migrate refuse in libvirt's own words", async () => {
    await answersAsRecorded(lab, "local-disk");
    const planned = await cli("plan", web.name, "--to", "host2");
    expect(planned.text).toContain(words);
    expect(planned.status).toBe(1);

    const config = { "vnic-failover:cluster": configure(lab) };
    await withStack({ program, config }, async (stack) => {
      const { exitCode, text } = await stack.preview();
      expect(text.replaceAll(/\s+/g, " ")).toContain(words);
      expect(exitCode).not.toBe(0);
    });

    const refused = await cli("migrate", web.name, "--to", "host2");
    expect(refused.text).toContain(words);
    expect(refused.status).toBe(1);
    await vfWasNeverUnplugged(lab);
    await guestWrites(lab, host1);
  });

  test("with nonSharedStorage it is copied, and the guest goes on writing", async () => {
    await makeDisk(lab, host2, `${folder}/web.qcow2`);
    await moves(lab, host2, "--non-shared-storage", "copy");
    await guestWrites(lab, host2);
  });
});

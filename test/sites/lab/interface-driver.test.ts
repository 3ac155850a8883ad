/** libvirtd without its interface driver: Debian has it in a package of its own, which nothing asks for. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { requireLab, type LabState } from "../../lab/lab.js";
import { answersAsRecorded, cli, configure, host1, host2, moves, onBoth, restartLibvirtd, web } from "../site.js";

const drivers = "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver";
const others = "/run/drivers";

describe.skipIf(labSkipped !== undefined)("libvirtd without its interface driver", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
    configure(lab);
    const without = `mkdir -p ${others}; cp -s ${drivers}/* ${others}/; rm -f ${others}/*_interface.so`;
    await restartLibvirtd(lab, without, `LIBVIRT_DRIVER_DIR=${others}`);
  });
  afterAll(async () => {
    await restartLibvirtd(lab);
    await onBoth(lab, `rm -rf ${others}`);
  });

  test("doctor names it, and plan and moves work", async () => {
    await answersAsRecorded(lab, "interface-driver");
    const { text } = await cli("doctor");
    expect(text).toContain("libvirt-daemon-driver-interface");
    const planned = await cli("plan", web.name, "--to", host2.name);
    expect(planned.status, planned.text).toBe(0);
    for (const to of [host2, host1]) await moves(lab, to);
  });
});

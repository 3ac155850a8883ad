/** libvirt by TLS, and migrations that must be by TLS. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { domainXml, labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { requireLab, type LabState } from "../../lab/lab.js";
import { hosts } from "../../lab/layout.js";
import { installCertificates } from "../certificates.js";
import { answersAsRecorded, cli, configure, host1, host2, moves, restartLibvirtd, web } from "../site.js";

const force = "migrate_tls_force = 1";

describe.skipIf(labSkipped !== undefined)("TLS", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
    const pki = await installCertificates(lab);
    await restartLibvirtd(lab, "true", "", "--listen");
    configure(lab, (cluster) => ({
      ...cluster,
      hosts: Object.fromEntries(
        hosts.map(({ name, address, migrationAddress }) => [
          name,
          { uri: `qemu+tls://${address}/system?pkipath=${pki}`, migrationAddress },
        ]),
      ),
    }));
  });
  afterAll(async () => {
    await restartLibvirtd(
      lab,
      `sed -i '/^${force}$/d' /etc/libvirt/qemu.conf; rm -rf /etc/pki/qemu /etc/pki/libvirt /etc/pki/CA`,
    );
  });

  test("hosts are reached by it, and the VM moves there and back", async () => {
    const doctor = await cli("doctor");
    expect(doctor.text).not.toContain("host-unreachable");
    for (const to of [host2, host1]) await moves(lab, to);
  });

  test("where migrations must be by it, one without is refused before anything changes", async () => {
    await restartLibvirtd(lab, `echo '${force}' >> /etc/libvirt/qemu.conf`, "", "--listen");
    await answersAsRecorded(lab, "tls");
    const before = await domainXml(lab, host1, web.name);
    const planned = await cli("plan", web.name, "--to", "host2");
    expect(planned.status, planned.text).toBe(1);
    expect(planned.text).toContain("allows migration only with VIR_MIGRATE_TLS flag");
    const refused = await cli("migrate", web.name, "--to", "host2");
    expect(refused.status, refused.text).toBe(1);
    expect(await domainXml(lab, host1, web.name)).toBe(before);
  });

  test("and with tls the VM moves there", async () => {
    await moves(lab, host2, "--tls");
  });
});

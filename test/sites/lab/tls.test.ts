/** libvirt by TLS, and migrations that must be by TLS. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bothEnslaved, domainXml, labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { guestShows, requireLab, type LabState } from "../../lab/lab.js";
import { hosts } from "../../lab/layout.js";
import { withStack } from "../../pulumi/stack.js";
import { installCertificates } from "../certificates.js";
import { answersAsRecorded, cli, configure, host1, host2, moves, restartLibvirtd, web } from "../site.js";

const force = "migrate_tls_force = 1";
const refusal = /Hosts "host1" and "host2" take and send VMs by TLS alone/;

const program = (migration = "{}") => `
import { VmPlacement } from "pulumi-vnic-failover";
new VmPlacement("place", { vm: "web", host: "host2", migration: ${migration} });
`;

describe.skipIf(labSkipped !== undefined)("TLS", () => {
  let lab: LabState;
  let cluster: ReturnType<typeof configure>;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
    const pki = await installCertificates(lab);
    await restartLibvirtd(lab, "true", "", "--listen");
    cluster = configure(lab, (own) => ({
      ...own,
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
    expect(planned.text.replaceAll('\\"', '"')).toMatch(refusal);
    // One cause, one message.
    expect(planned.text).not.toContain("VIR_MIGRATE_TLS");
    const refused = await cli("migrate", web.name, "--to", "host2");
    expect(refused.status, refused.text).toBe(1);
    expect(await domainXml(lab, host1, web.name)).toBe(before);
  });

  test("a preview refuses a placement without tls, and pulumi up moves the VM with it", async () => {
    const config = { "vnic-failover:cluster": cluster };
    await withStack({ program: program(), config }, async (stack) => {
      const before = await domainXml(lab, host1, web.name);
      const refused = await stack.preview();
      expect(refused.exitCode, refused.text).not.toBe(0);
      expect(refused.text.replaceAll(/\s+/g, " ")).toMatch(refusal);
      expect(await domainXml(lab, host1, web.name)).toBe(before);

      stack.write(program("{ tls: true }"));
      const preview = await stack.preview();
      expect(preview.exitCode, preview.text).toBe(0);
      const up = await stack.up();
      expect(up.exitCode, up.text).toBe(0);
      expect(await domainXml(lab, host2, web.name)).toMatch(/<teaming type='transient'/);
      await guestShows(lab, web, host2, bothEnslaved);
      await stack.destroy();
    });
  });

  test("and with --tls the command line moves it back", async () => {
    await moves(lab, host1, "--tls");
  });
});

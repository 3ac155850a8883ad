/** The models of hosts answer as the lab's hosts have answered (test/sites/lab has the other half). */
import { describe, expect } from "vitest";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { parseXml, withChildren } from "../../provider/xml/element.js";
import { pairedTest } from "../hosts/lab-test.js";
import type { LabLike } from "../hosts/two-hosts.js";
import { answersOf, questions, recorded, type Answer } from "./answers.js";

const disk = (file: string) =>
  `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${file}'/><target dev='vda' bus='virtio'/></disk>`;

const attach = ({ host1: { domains } }: LabLike, xml: string): void => {
  domains.attach(domains.requireNamed("web"), parseXml(xml), Affect.LIVE);
};

/** What the lab's hosts and guest are given, in the models. */
const given: Readonly<Record<string, (lab: LabLike) => void>> = {
  answers: () => undefined,
  "local-disk": (lab) => {
    attach(lab, disk("/var/lib/local/web.qcow2"));
  },
  nfs: (lab) => {
    lab.host1.sharedFolders = ["/var/lib/shared"];
    attach(lab, disk("/var/lib/shared/web.qcow2"));
  },
  hugepages: ({ host1, host2 }) => {
    host1.hugepages = [{ sizeKiB: 2048, free: 8 }];
    host2.hugepages = [{ sizeKiB: 2048, free: 136 }];
    const domain = host1.domains.requireNamed("web");
    const live = domain.live ?? expect.fail("it does not run");
    domain.live = withChildren(live, [...live.children, parseXml("<memoryBacking><hugepages/></memoryBacking>")]);
  },
  "interface-driver": ({ hosts }) => {
    for (const { devices } of hosts) devices.hasInterfaceDriver = false;
  },
  modular: ({ hosts }) => {
    for (const { missingDaemons } of hosts) missingDaemons.add("interface");
  },
  tls: ({ hosts }) => {
    for (const { tls } of hosts) tls.forced = true;
  },
};

const refused = (code: string, domain: number, says: string): Answer => ({ code, domain, says });
const [qemu, none] = [10, 0];
const tlsForced =
  "Requested operation is not valid: this libvirtd instance allows migration only with VIR_MIGRATE_TLS flag";

/**
 * What libvirt's sources say that it answers, of questions that the lab's hosts were not asked yet:
 * `VNIC_RECORD=1 npm run test:sites -- answers hugepages tls` keeps their answers, and then they go from here.
 */
const asRead: Readonly<Record<string, Answer>> = {
  "Prepare of a post-copy that is to be resumed, of a VM that is not there": refused(
    "NO_DOMAIN",
    qemu,
    "Domain not found: no domain with matching name 'nosuch'",
  ),
  "the memory statistics of the whole host": {
    returned: { nparams: 4, fields: ["total", "free", "buffers", "cached"], known: true },
  },
  "the memory statistics of the whole host, with another count of them": refused(
    "INVALID_ARG",
    none,
    "nparams in virHostMemGetStatsLinux must be 4",
  ),
  "free pages of a size that there is not, on a node": refused(
    "OPERATION_FAILED",
    none,
    "operation failed: page size 3 is not available on node 0",
  ),
  "free pages of a size that there is not, on the whole host": refused(
    "OPERATION_FAILED",
    none,
    "operation failed: page size 3 is not available",
  ),
  "the unplug of a NIC from a root port that does not hot-plug": refused(
    "OPERATION_FAILED",
    qemu,
    "operation failed: cannot hot unplug interface device with PCI guest address: 0000:01:00.0 - not allowed by controller",
  ),
  "free pages of 2 MiB, on a node": { returned: { counts: 1, known: true } },
  "free pages of 2 MiB, on the whole host": { returned: { counts: 1, asOnItsOnlyNode: true } },
  "Begin without TLS, where it is forced": refused("OPERATION_INVALID", qemu, tlsForced),
  "Prepare without TLS, where it is forced": refused("OPERATION_INVALID", qemu, tlsForced),
};

describe("the models of hosts", () => {
  const asked = new Set(questions.map(({ variant }) => variant));

  pairedTest("are asked all that the lab's hosts are", () => {
    expect(Object.keys(given).toSorted()).toEqual([...asked].toSorted());
    const without = questions.map(({ name }) => name).filter((name) => !Object.hasOwn(recorded(), name));
    expect(without, "questions without a recorded answer").toEqual(Object.keys(asRead));
  });

  for (const [variant, give] of Object.entries(given))
    pairedTest(`answer as the lab's hosts do: ${variant}`, async ({ lab }) => {
      give(lab);
      const answers = await answersOf(variant, lab.configuration);
      const names = Object.keys(answers);
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect(answers[name], name).toEqual(recorded()[name] ?? asRead[name]);
    });
});

/** The models of hosts answer as the lab's hosts have answered (test/sites/lab has the other half). */
import { describe, expect } from "vitest";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { parseXml, withChildren } from "../../provider/xml/element.js";
import { pairedTest } from "../hosts/lab-test.js";
import type { LabLike } from "../hosts/two-hosts.js";
import { answersOf, questions, recorded } from "./answers.js";

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

describe("the models of hosts", () => {
  const asked = new Set(questions.map(({ variant }) => variant));

  pairedTest("are asked all that the lab's hosts are", () => {
    expect(Object.keys(given).toSorted()).toEqual([...asked].toSorted());
    const without = questions.map(({ name }) => name).filter((name) => !Object.hasOwn(recorded(), name));
    expect(without, "questions without a recorded answer: VNIC_RECORD=1 npm run test:sites -- VARIANT").toEqual([]);
  });

  for (const [variant, give] of Object.entries(given))
    pairedTest(`answer as the lab's hosts do: ${variant}`, async ({ lab }) => {
      give(lab);
      const answers = await answersOf(variant, lab.configuration);
      const names = Object.keys(answers);
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect(answers[name], name).toEqual(recorded()[name]);
    });
});

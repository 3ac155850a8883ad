import { describe, expect, test } from "vitest";
import { diagnose, reservations } from "../../../../provider/cli/commands/libvirt/doctor.js";
import type { DoctorFacts } from "../../../../provider/cli/commands/libvirt/doctor-facts.js";
import type { AnsweringHost, HostSurvey, SurveyedNetwork } from "../../../../provider/backends/libvirt/host-survey.js";
import type { OptionalDriver } from "../../../../provider/backends/libvirt/rpc/optional-drivers.js";
import type { VirtualFunction } from "../../../../provider/backends/libvirt/inventory.js";
import { hostRules } from "../../../../provider/rules/index.js";
import { parsePciAddress } from "../../../../provider/backends/libvirt/xml/pci-address.js";

const address = (text: string) => parsePciAddress(text) ?? expect.fail(`${text} is no address`);

function vf(where: string, over: Partial<VirtualFunction> = {}): VirtualFunction {
  return { address: address(where), driver: "igbvf", sharesIommuGroup: false, usedBy: undefined, ...over };
}

function pf(virtualFunctions: readonly VirtualFunction[], linkUp = true): SurveyedNetwork {
  const found = { name: "pf0", address: address("0000:01:00.0"), linkUp, virtualFunctions };
  return { name: "data-vf", mtu: undefined, bridge: undefined, physicalFunctions: [{ name: "pf0", found }] };
}

const bridged = (bridge: SurveyedNetwork["bridge"]): SurveyedNetwork => ({
  name: "data",
  mtu: 1500,
  bridge,
  physicalFunctions: [],
});
const goodBridge = bridged({ name: "br0", there: true, mtu: 1500, ports: ["uplink0"] });
const goodPf = pf([vf("0000:01:10.0", { usedBy: "web", driver: "vfio-pci" }), vf("0000:01:10.2")]);

function host(over: Partial<AnsweringHost> = {}): AnsweringHost {
  return {
    name: "host1",
    answers: true,
    uuid: "11111111-2222-4333-8444-000000000001",
    libvirtVersion: 11_003_000,
    qemuVersion: 10_000_013,
    iommu: true,
    freeMemoryKiB: 4 * 2 ** 20,
    networks: [goodBridge, goodPf],
    ...over,
  };
}

const lacks = (driver: OptionalDriver) => ({ driver, why: `virt${driver}d does not answer`, remedy: "Install it." });

function facts(...hosts: HostSurvey[]): DoctorFacts {
  return { hosts, reservedFor: new Map(), unevenProfiles: [] };
}

const rulesIn = ({ document }: ReturnType<typeof diagnose>) =>
  (document["findings"] as { rule: string }[]).map(({ rule }) => rule);

describe("doctor", () => {
  test("finds nothing on a good host, and shows it", () => {
    const answer = diagnose(facts(host()));
    expect(answer.outcome).toBe("ok");
    expect(rulesIn(answer)).toEqual([]);
    expect(answer.text).toBe(`host1: libvirt 11.3.0, QEMU 10.0.13, IOMMU on, 4096 MiB of memory free
  NETWORK  BRIDGE  MTU   PORTS    PHYSICAL FUNCTIONS
  data     br0     1500  uplink0  -
  data-vf  -       -     -        pf0 (up)
  VF            PF   DRIVER    USE
  0000:01:10.0  pf0  vfio-pci  used by web
  0000:01:10.2  pf0  igbvf     free

Nothing is missing.`);
    expect(answer.document["hosts"]).toMatchObject([
      { libvirtVersion: "11.3.0", vfs: [{ address: "0000:01:10.0", usedBy: "web" }, { use: "free" }] },
    ]);
  });

  const withNetworks = (...networks: SurveyedNetwork[]) => facts(host({ networks }));
  const missingPf: SurveyedNetwork = { ...goodPf, physicalFunctions: [{ name: "pf9", found: undefined }] };

  const cases: [string, "error" | "warning", DoctorFacts][] = [
    [
      "host-answers",
      "error",
      facts({ name: "host1", answers: false, why: 'Unable to reach host "host1": timed out', remedy: undefined }),
    ],
    ["host-uuids-differ", "error", facts(host(), host({ name: "host2" }))],
    ["host-libvirt-version", "error", facts(host({ libvirtVersion: 6_010_000 }))],
    ["host-qemu-version", "error", facts(host({ qemuVersion: 5_001_000 }))],
    ["host-iommu", "error", facts(host({ iommu: false }))],
    ["host-devices-known", "error", facts(host({ missingDrivers: [lacks("nodedev")] }))],
    ["host-drivers", "warning", facts(host({ missingDrivers: [lacks("network")] }))],
    ["host-serves-network", "warning", withNetworks(goodPf, bridged(undefined))],
    ["host-bridge", "error", withNetworks(bridged({ name: "br0", there: false }))],
    ["host-bridge-unseen", "warning", withNetworks(bridged({ name: "br0", there: "unknown" }))],
    ["host-bridge-mtu", "warning", withNetworks(bridged({ name: "br0", there: true, mtu: 1400, ports: ["e"] }))],
    ["host-bridge-uplink", "warning", withNetworks(bridged({ name: "br0", there: true, mtu: 1500, ports: [] }))],
    ["host-pf", "error", withNetworks(missingPf)],
    ["host-pf", "error", withNetworks(pf([]))],
    ["host-pf-up", "error", withNetworks(pf([vf("0000:01:10.0")], false))],
    ["host-vf-free", "warning", withNetworks(pf([vf("0000:01:10.0", { usedBy: "web" })]))],
    [
      "host-vf-group",
      "warning",
      withNetworks(pf([vf("0000:01:10.0", { sharesIommuGroup: true }), vf("0000:01:10.2")])),
    ],
    [
      "host-vf-left-behind",
      "warning",
      withNetworks(pf([vf("0000:01:10.0", { driver: "vfio-pci", leftBy: "web" }), vf("0000:01:10.2")])),
    ],
    [
      "vm-starts-again",
      "warning",
      facts({ ...host(), unstartable: [{ vm: "web", autostart: true, why: "its definition names VF 0000:01:10.0" }] }),
    ],
    [
      "profile-everywhere",
      "warning",
      { ...facts(host()), unevenProfiles: [{ name: "data-vf", differsOn: ["host2"] }] },
    ],
  ];

  test.each(cases)("%s (%s)", (rule, severity, found) => {
    const answer = diagnose(found);
    expect(rulesIn(answer)).toEqual([rule]);
    expect(answer.outcome).toBe(severity === "error" ? "refused" : "ok");
    expect(answer.text).toMatch(new RegExp(`^${severity}: .+\\n {2}\\S.+`, "m"));
  });

  test("every rule has a case above", () => {
    expect(hostRules.map(({ id }) => id)).toEqual([...new Set(cases.map(([rule]) => rule))]);
  });

  test("a VF that two networks name, and a PF that is down for both, are told once", () => {
    const down = pf([vf("0000:01:10.0")], false);
    const answer = diagnose(withNetworks(down, { ...down, name: "other-vf" }));
    expect(rulesIn(answer)).toEqual(["host-pf-up"]);
    expect(answer.text.match(/0000:01:10\.0/g)).toHaveLength(1);
  });

  test("X3: says that hosts which VMs move between trust each other", () => {
    const said = "note: hosts that migrate VMs to each other must trust each other";
    expect(
      diagnose(facts(host(), host({ name: "host2", uuid: "22222222-2222-4333-8444-000000000002" }))).text,
    ).toContain(said);
    expect(diagnose(facts(host())).text).not.toContain(said);
  });

  test("a VF that a journal reserves is not orphaned", () => {
    const journal = {
      id: "",
      from: "host2",
      to: "host1",
      step: "unplug" as const,
      mover: { machine: "m", pid: 1 },
      started: 0,
      until: 0,
      interfaces: [
        {
          mac: "",
          primaryAlias: "",
          standbyAlias: "",
          network: "data-vf",
          sourceVf: address("0000:01:10.2"),
          destinationVf: address("0000:01:10.0"),
        },
      ],
    };
    const reservedFor = reservations([
      { vm: "web", state: "running", hosts: ["host2"], interfaces: [], missing: [], journal },
    ]);
    const left = { driver: "vfio-pci", leftBy: "web" };
    const atBoot = vf("0000:01:10.4", { driver: "vfio-pci" });
    const bound = pf([vf("0000:01:10.0", left), vf("0000:01:10.2", left), atBoot]);
    const answer = diagnose({ ...withNetworks(bound), reservedFor });
    expect(answer.text).toMatch(/0000:01:10\.0 +pf0 +vfio-pci +reserved for web/);
    // The same address on the other host is another VF.
    expect(answer.text).toMatch(/0000:01:10\.2 +pf0 +vfio-pci +orphaned/);
    expect(answer.text).toContain("virsh nodedev-reattach pci_0000_01_10_2");
    // A host that binds VFs at boot wants them there.
    expect(answer.text).toMatch(/0000:01:10\.4 +pf0 +vfio-pci +free/);
    expect(answer.text).not.toContain("pci_0000_01_10_4");
  });
});

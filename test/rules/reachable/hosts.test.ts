/** Rules of hosts: `vnic-failover doctor` with libvirt. */
import { vi } from "vitest";
import { doctor } from "../../../provider/cli/commands/libvirt/doctor.js";
import { parseXml } from "../../../provider/xml/element.js";
import { formatVfClaim } from "../../../provider/backends/libvirt/xml/vf-claim.js";
import { contextWith } from "../../cli/command-context.js";
import { pciAttributesOf } from "../../hosts/by-hand.js";
import { declareProfiles } from "../../hosts/declared.js";
import {
  domainXml,
  withTwoHosts,
  type HostsOptions,
  labNetworks,
  occupy,
  vfs,
  type LabLike,
} from "../../hosts/two-hosts.js";
import { pci } from "../../hosts/left-journal.js";
import { raises } from "./raises.js";

vi.mock("../../../provider/rules/rule.js", async (original) => {
  const { noting } = await import("./noting.js");
  return noting(await original());
});

/** What it says after something has happened to the hosts. */
function diagnosis(happen: (lab: LabLike) => void | Promise<void>, options: HostsOptions = {}): Promise<string> {
  return withTwoHosts(options, async (lab) => {
    await happen(lab);
    return (await doctor(contextWith({ cluster: lab.cluster }))).text;
  });
}

const nothing = () => undefined;
const bridge = (mtu: number, ports: readonly string[]) => (lab: LabLike) =>
  void lab.host1.devices.bridges.splice(0, 1, { name: "br0", mtu, ports });

raises("host-answers", () => diagnosis(({ host2 }) => host2.close()));
raises("host-uuids-differ", () =>
  diagnosis(({ host1, host2 }) => {
    host2.uuid = host1.uuid;
  }),
);
raises("host-libvirt-version", () =>
  diagnosis(({ host1 }) => {
    host1.libvirtVersion = 6_010_000;
  }),
);
raises("host-qemu-version", () =>
  diagnosis(({ host1 }) => {
    host1.qemuVersion = 5_001_000;
  }),
);
raises("host-iommu", () =>
  diagnosis(({ host1 }) => {
    host1.iommu = false;
  }),
);
raises("host-serves-network", () => diagnosis(nothing, { networks: { ...labNetworks, bare: {} } }));
raises("host-bridge", () => diagnosis(({ host1 }) => void host1.devices.bridges.splice(0)));
raises("host-bridge-unseen", () =>
  diagnosis(({ host1 }) => {
    host1.devices.hasInterfaceDriver = false;
  }),
);
raises("host-bridge-mtu", () => diagnosis(bridge(1400, ["uplink0"])));
raises("host-bridge-uplink", () => diagnosis(bridge(1500, [])));
raises("host-pf", () => diagnosis(nothing, { networks: { "data-vf": { physicalFunctions: ["pf9"] } } }));
raises("host-pf-up", () =>
  diagnosis(({ host1 }) => {
    for (const pf of host1.devices.physicalFunctions) pf.linkUp = false;
  }),
);
raises("host-vf-free", () => diagnosis(({ host1 }) => host1.devices.virtualFunctions().forEach(occupy)));
raises("host-vf-group", () =>
  diagnosis(({ host1 }) => {
    const [pf] = host1.devices.physicalFunctions.splice(0);
    if (pf === undefined) throw new Error("the host has no PF");
    const virtualFunctions = pf.virtualFunctions.map((vf) => ({ ...vf, iommuGroup: 77 }));
    host1.devices.physicalFunctions.push({ ...pf, virtualFunctions });
  }),
);
raises("host-vf-left-behind", () =>
  diagnosis(({ host1 }) => {
    const claim = { holder: "gone", vm: "web", kind: "plug", until: 1, driver: "igbvf" } as const;
    host1.networks.define(formatVfClaim({ ...claim, uuid: "33333333-2222-4333-8444-000000000001", vf: pci(vfs[0]) }));
    const found = host1.devices.functionAt(vfs[0]);
    if (found !== undefined) host1.devices.detach(found.vf);
  }),
);
raises("vm-starts-again", () =>
  diagnosis(({ host1 }) => {
    const nic = `<interface type='hostdev' managed='no'><mac address='52:54:00:bb:00:01'/><source><address type='pci' ${pciAttributesOf(vfs[0])}/></source></interface>`;
    const config = parseXml(domainXml({ name: "db", uuid: "11111111-2222-4333-8444-000000000051" }, nic));
    host1.domains.load({ live: undefined, config, paused: false, autostart: true });
  }),
);
raises("profile-everywhere", () =>
  diagnosis(async (lab) => {
    await declareProfiles(lab);
    const { networks } = lab.host2;
    networks.undefine(networks.byName("data"));
  }),
);
raises("host-devices-known", () => diagnosis(({ host1 }) => void host1.missingDaemons.add("nodedev")));
raises("host-drivers", () => diagnosis(({ host1 }) => void host1.missingDaemons.add("network")));

/** Rules of a domain's pairs: of VMs that another tool has made, as `vnic-failover plan` sees them. */
import { afterAll, beforeAll, vi } from "vitest";
import { plan } from "../../../provider/cli/commands/libvirt/plan.js";
import { parseXml } from "../../../provider/xml/element.js";
import { contextWith } from "../../cli/command-context.js";
import { pciAttributesOf } from "../../hosts/by-hand.js";
import { domainXml, twoHosts, vfs, type LabLike } from "../../hosts/two-hosts.js";
import { raises } from "./raises.js";

vi.mock("../../../provider/rules/rule.js", async (original) => {
  const { noting } = await import("./noting.js");
  return noting(await original());
});

let lab: LabLike;
beforeAll(async () => {
  lab = await twoHosts();
  lab.host1.networks.define("<network><name>routed</name><forward mode='nat'/></network>");
});
afterAll(() => lab.close());

let last = 0x60;

/** What the plan of its move says of a VM with these devices, which runs on host1 or is defined there. */
async function planned(
  devices: readonly string[],
  { machine = "pc-q35-10.0", runs = true }: { readonly machine?: string; readonly runs?: boolean } = {},
): Promise<string> {
  const number = (last += 1);
  const name = `vm${number}`;
  const uuid = `11111111-2222-4333-8444-0000000000${number.toString(16)}`;
  const xml = parseXml(domainXml({ name, uuid }, devices.join(""), { machine }));
  lab.host1.domains.load({ live: runs ? xml : undefined, config: xml, paused: false, autostart: false });
  return (await plan(contextWith({ cluster: lab.cluster }), { vm: name, to: "host2" })).text;
}

const mac = "52:54:00:bb:00:01";
const macXml = `<mac address='${mac}'/>`;

/** Parts are left out, or come in the place of others. */
function standby({
  teaming = "<teaming type='persistent'/>",
  alias = "<alias name='ua-s'/>",
  address = macXml,
  model = "<model type='virtio'/>",
  more = "",
} = {}): string {
  return `<interface type='bridge'>${address}<source bridge='br0'/>${model}${teaming}${alias}${more}</interface>`;
}

const onVf = (vf: string = vfs[0]) => `<source><address type='pci' ${pciAttributesOf(vf)}/></source>`;

function primary({
  teaming = "<teaming type='transient' persistent='ua-s'/>",
  alias = "<alias name='ua-p'/>",
  address = macXml,
  type = "hostdev",
  source = onVf(),
  more = "",
} = {}): string {
  return `<interface type='${type}'>${address}${source}${teaming}${alias}${more}</interface>`;
}

const at = (bus: number, slot = 0, more = "function='0x0'") =>
  `<address type='pci' domain='0x0000' bus='0x0${bus}' slot='0x0${slot}' ${more}/>`;

const pair = (of: { standby?: Parameters<typeof standby>[0]; primary?: Parameters<typeof primary>[0] }) => [
  standby(of.standby),
  primary(of.primary),
];

raises("teaming-type", () => planned(pair({ primary: { teaming: "<teaming type='other' persistent='ua-s'/>" } })));
raises("teaming-transient-names-standby", () => planned(pair({ primary: { teaming: "<teaming type='transient'/>" } })));
raises("teaming-persistent-names-nobody", () =>
  planned(pair({ standby: { teaming: "<teaming type='persistent' persistent='ua-p'/>" } })),
);
raises("teaming-standby-virtio", () => planned(pair({ standby: { model: "<model type='e1000e'/>" } })));
raises("teaming-primary-hostdev", () =>
  planned(pair({ primary: { type: "bridge", source: "<source bridge='br0'/>" } })),
);
raises("teaming-network-gives-hostdev", () =>
  planned(pair({ primary: { type: "network", source: "<source network='routed'/>" } }), { runs: false }),
);
raises("teaming-primary-pci", () =>
  planned(pair({ primary: { source: "<source><address type='usb' bus='1' device='2'/></source>" } })),
);
raises("teaming-standby-alias", () => planned(pair({ standby: { alias: "<alias name='net0'/>" } })));
raises("teaming-primary-alias", () => planned(pair({ primary: { alias: "<alias name='hostdev0'/>" } })));
raises("teaming-alias-unique", () => planned(pair({ primary: { alias: "<alias name='ua-s'/>" } })));
raises("teaming-not-itself", () =>
  planned(pair({ primary: { teaming: "<teaming type='transient' persistent='ua-p'/>" } })),
);
raises("teaming-standby-exists", () =>
  planned(pair({ primary: { teaming: "<teaming type='transient' persistent='ua-gone'/>" } })),
);
raises("teaming-standby-persistent", () => planned(pair({ standby: { teaming: "" } })));
raises("teaming-one-primary", () =>
  planned([standby(), primary(), primary({ alias: "<alias name='ua-q'/>", source: onVf(vfs[1]) })]),
);
raises("teaming-standby-has-primary", () => planned([standby()]));
raises("teaming-mac-given", () => planned(pair({ primary: { address: "" } })));
raises("teaming-mac-not-zero", () => {
  const address = "<mac address='00:00:00:00:00:00'/>";
  return planned(pair({ standby: { address }, primary: { address } }));
});
raises("teaming-mac-unicast", () => {
  const address = "<mac address='53:54:00:bb:00:01'/>";
  return planned(pair({ standby: { address }, primary: { address } }));
});
raises("teaming-macs-equal", () => planned(pair({ primary: { address: "<mac address='52:54:00:bb:00:02'/>" } })));
raises("teaming-mac-one-pair", () =>
  planned([...pair({}), standby({ teaming: "", alias: "<alias name='ua-third'/>" })]),
);
raises("teaming-machine-q35", () => planned(pair({}), { machine: "pc-i440fx-10.0" }));
raises("teaming-primary-not-on-root-complex", () => planned(pair({ primary: { more: at(0, 9) } })));
raises("teaming-primary-not-on-conventional-pci", () =>
  planned(["<controller type='pci' index='9' model='pcie-to-pci-bridge'/>", ...pair({ primary: { more: at(9, 1) } })]),
);
raises("teaming-primary-on-port", () =>
  planned([
    "<controller type='pci' index='9' model='pcie-switch-upstream-port'/>",
    ...pair({ primary: { more: at(9) } }),
  ]),
);
raises("teaming-primary-hot-plugs", () =>
  planned([
    "<controller type='pci' index='9' model='pcie-root-port'><target chassis='9' port='0x9' hotplug='off'/></controller>",
    ...pair({ primary: { more: at(9) } }),
  ]),
);
raises("teaming-primary-single-function", () =>
  planned(pair({ primary: { more: at(5, 0, "function='0x0' multifunction='on'") } })),
);
raises("teaming-primary-alone-in-slot", () =>
  planned(pair({ standby: { more: at(5, 0, "function='0x1'") }, primary: { more: at(5) } })),
);
raises("teaming-vf-driver-vfio", () => planned(pair({ primary: { more: "<driver name='kvm'/>" } })));
raises("teaming-vf-no-filter", () => planned(pair({ primary: { more: "<filterref filter='clean-traffic'/>" } })));
raises("teaming-vf-no-bandwidth", () =>
  planned(pair({ primary: { more: "<bandwidth><inbound average='1000'/></bandwidth>" } })),
);
raises("teaming-vf-no-vlan-trunk", () =>
  planned(pair({ primary: { more: "<vlan trunk='yes'><tag id='5'/><tag id='6'/></vlan>" } })),
);
raises("teaming-vf-no-mtu", () => planned(pair({ primary: { more: "<mtu size='9000'/>" } })));
raises("teaming-vf-link-up", () => planned(pair({ primary: { more: "<link state='down'/>" } })));
raises("teaming-vf-once", () => planned([standby(), primary(), primary({ alias: "<alias name='ua-q'/>" })]));
raises("teaming-vf-not-rtl8139", () =>
  planned(pair({ primary: { type: "network", source: "<source network='pool'/>", more: "<model type='rtl8139'/>" } }), {
    runs: false,
  }),
);
raises("teaming-vf-model-written", () =>
  planned(pair({ primary: { type: "network", source: "<source network='pool'/>" } }), { runs: false }),
);
raises("teaming-standby-link-up", () => planned(pair({ standby: { more: "<link state='down'/>" } })));

/** The test engine's first inventory: what an engine is set up with, and a data center "labdc" that has been filled. */
import { Model, newId, put, type Host, type HostNic, type Vm, type VmStatus } from "./model.js";

/** VFs on each host's physical function. */
const vfsPerHost = 4;

/** The filters that an engine is set up with, in its order. The first is its default for VM networks. */
const filters: readonly (readonly [name: string, version: string])[] = [
  ["vdsm-no-mac-spoofing", "3.2"],
  ...[
    ..."allow-arp allow-dhcp allow-incoming-ipv4 allow-ipv4 clean-traffic no-arp-ip-spoofing".split(" "),
    ..."no-arp-mac-spoofing no-arp-spoofing no-ip-multicast no-ip-spoofing no-mac-broadcast no-mac-spoofing".split(" "),
    ..."no-other-l2-traffic no-other-rarp-traffic qemu-announce-self qemu-announce-self-rarp".split(" "),
  ].map((name) => [name, "3.6"] as const),
  ["clean-traffic-gateway", "4.2"],
];

export function firstInventory(): Model {
  const model = new Model();
  for (const [name, version] of filters) put(model.networkFilters, { id: newId(), name, version });
  put(model.qos, { id: newId(), name: "limited" });
  model.customPropertyNames.add("SecurityGroups");

  const plain = { vmNetwork: true, external: false, portIsolation: false, mtu: 0 };
  const management = (dataCenter: string, description: string) => {
    const network = put(model.networks, { ...plain, dataCenter, id: newId(), name: "ovirtmgmt", description });
    put(model.profiles, {
      id: newId(),
      name: "ovirtmgmt",
      network: network.id,
      passThrough: false,
      migratable: false,
      portMirroring: false,
      networkFilter: [...model.networkFilters.keys()][0],
      customProperties: {},
    });
    return network.id;
  };
  const { id: first } = put(model.dataCenters, {
    id: newId(),
    name: "Default",
    description: "The default Data Center",
  });
  const firstManagement = management(first, "Management Network");
  const { id: dataCenter } = put(model.dataCenters, { id: newId(), name: "labdc" });
  const labManagement = management(dataCenter, "Default Management Network");
  const data = put(model.networks, { ...plain, dataCenter, id: newId(), name: "data" });
  const dataVf = put(model.networks, { ...plain, dataCenter, id: newId(), name: "data-vf" });
  const ext = put(model.networks, { ...plain, dataCenter, id: newId(), name: "ext", external: true });
  const attached = () => new Set([labManagement, data.id, dataVf.id, ext.id]);

  put(model.clusters, {
    id: newId(),
    name: "Default",
    dataCenter: first,
    version: { major: 4, minor: 7 },
    networks: new Set([firstManagement]),
  });
  const lab = put(model.clusters, {
    id: newId(),
    name: "lab",
    dataCenter,
    version: { major: 4, minor: 7 },
    networks: attached(),
  });
  const old = put(model.clusters, {
    id: newId(),
    name: "old",
    dataCenter,
    version: { major: 4, minor: 5 },
    networks: attached(),
  });
  const [host1] = [1, 2].map((number) =>
    put(model.hosts, labHost(number, lab.id, { management: labManagement, bridged: data.id, ofVfs: dataVf.id })),
  );
  put(model.vms, vm("web", lab.id, "up", host1));
  put(model.vms, vm("db", lab.id, "down"));
  put(model.vms, vm("legacy", old.id, "down"));
  return model;
}

/** `eth0` is the host's own, `eth1` carries the bridge of the virtio network, `eth2` is the physical function. */
function labHost(
  number: number,
  cluster: string,
  networks: { readonly management: string; readonly bridged: string; readonly ofVfs: string },
): Host {
  const mac = (last: number) => `02:00:00:00:0${number}:${last.toString(16).padStart(2, "0")}`;
  const uplink: HostNic = { id: newId(), name: "eth0", mac: mac(0), network: networks.management, managed: true };
  const bridged: HostNic = { id: newId(), name: "eth1", mac: mac(1), network: networks.bridged };
  const physicalFunction: HostNic = {
    id: newId(),
    name: "eth2",
    mac: mac(2),
    virtualFunctions: { max: 8, allNetworksAllowed: false, networks: new Set([networks.ofVfs]), labels: new Set() },
  };
  const virtualFunctions = Array.from({ length: vfsPerHost }, (_, index) => ({
    id: newId(),
    name: `eth2v${index}`,
    mac: mac(16 + index),
    physicalFunction: physicalFunction.id,
    device: `pci_0000_05_10_${index}`,
  }));
  return {
    id: newId(),
    name: `host${number}`,
    cluster,
    address: `127.0.0.${number + 1}`,
    status: "up",
    nics: [uplink, bridged, physicalFunction, ...virtualFunctions],
  };
}

function vm(name: string, cluster: string, status: VmStatus, host?: Host): Vm {
  return { id: newId(), name, cluster, status, host: host?.id, nics: [], devices: [] };
}

/** The test engine's first inventory. */
import { Model, newId, put, type Host, type HostNic, type Vm, type VmStatus } from "./model.js";

/** VFs on each host's physical function. */
const vfsPerHost = 4;

export function firstInventory(): Model {
  const model = new Model();
  const { id: dataCenter } = put(model.dataCenters, { id: newId(), name: "Default" });
  // The names and order of the filters that an engine is set up with; the second is its default for VM networks.
  for (const name of ["vdsm-no-mac-spoofing", "no-ip-spoofing", "clean-traffic"]) {
    put(model.networkFilters, { id: newId(), name });
  }
  put(model.qos, { id: newId(), name: "limited" });
  model.customPropertyNames.add("SecurityGroups");

  const plain = { dataCenter, vmNetwork: true, external: false, portIsolation: false, mtu: 0 };
  const data = put(model.networks, { ...plain, id: newId(), name: "data" });
  const dataVf = put(model.networks, { ...plain, id: newId(), name: "data-vf" });
  const ext = put(model.networks, { ...plain, id: newId(), name: "ext", external: true });
  const attached = () => new Set([data.id, dataVf.id, ext.id]);

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
  const [host1] = [1, 2].map((number) => put(model.hosts, labHost(number, lab.id, data.id, dataVf.id)));
  put(model.vms, vm("web", lab.id, "up", host1));
  put(model.vms, vm("db", lab.id, "down"));
  put(model.vms, vm("legacy", old.id, "down"));
  return model;
}

/** `eth0` carries the bridge of the virtio network, `eth2` is the physical function. */
function labHost(number: number, cluster: string, bridged: string, ofVfs: string): Host {
  const mac = (last: number) => `02:00:00:00:0${number}:${last.toString(16).padStart(2, "0")}`;
  const uplink: HostNic = { id: newId(), name: "eth0", mac: mac(0), network: bridged };
  const physicalFunction: HostNic = {
    id: newId(),
    name: "eth2",
    mac: mac(2),
    virtualFunctions: { max: 8, allNetworksAllowed: false, networks: new Set([ofVfs]) },
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
    address: `host${number}.example`,
    status: "up",
    nics: [uplink, physicalFunction, ...virtualFunctions],
  };
}

function vm(name: string, cluster: string, status: VmStatus, host?: Host): Vm {
  return { id: newId(), name, cluster, status, host: host?.id, nics: [], devices: [] };
}

/** Two libvirt hosts in this process (test/hosts). */
import { randomUUID } from "node:crypto";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { formatXml, parseXml, type Element } from "../../provider/xml/element.js";
import { parseProfileNetwork } from "../../provider/backends/libvirt/xml/network.js";
import { hostDevicesOf } from "../hosts/definition.js";
import { twoHosts, type LabLike, occupy } from "../hosts/two-hosts.js";
import type { LibvirtHostModel } from "../hosts/libvirt-host.js";
import { clusterState } from "../hosts/cluster-state.js";
import type { Backend, DeviceThere, Faults, HostName, Reality, Administrator } from "./backend.js";
import { pairDevices, profileNetwork, type Place } from "./by-hand.js";
import { networkDevices } from "./network-devices.js";

const place: Place = { bridge: "br0", physicalFunction: "pf0" };

export async function libvirtHosts(): Promise<Backend> {
  const lab = await twoHosts({
    networks: {
      data: { bridge: place.bridge, mtu: 1500 },
      data2: { bridge: place.bridge, mtu: 1500 },
      "data-vf": { physicalFunctions: [place.physicalFunction] },
    },
  });
  const { cluster } = lab.configuration;
  return {
    kind: "libvirt",
    settings: { config: { "vnic-failover:cluster": cluster } },
    reality: reality(lab),
    administrator: administrator(lab),
    faults: faults(lab),
    close: () => lab.close(),
  };
}

function reality(lab: LabLike): Reality {
  return {
    profiles: () => Promise.resolve(profilesOn(lab.host1)),
    vm() {
      const host = hostOfVm(lab);
      return Promise.resolve({ host: host.name, devices: devicesIn(host.domains.requireNamed("web").live) });
    },
    traces() {
      const { live, config } = hostOfVm(lab).domains.requireNamed("web");
      return Promise.resolve([
        ...lab.hosts.flatMap((host) => host.networks.all().map(({ name }) => `network ${name} on ${host.name}`)),
        ...[live, config].flatMap(devicesIn).map(({ kind, alias }) => `${kind} ${alias}`),
        ...[live, config].flatMap((definition) =>
          definition !== undefined && formatXml(definition).includes("vnic-failover") ? ["metadata"] : [],
        ),
        ...clusterState(lab).bound.map((vf) => `VF ${vf} bound to vfio`),
      ]);
    },
  };
}

function administrator(lab: LabLike): Administrator {
  return {
    addsProfile(profile) {
      const id = randomUUID();
      for (const host of lab.hosts) host.networks.define(profileNetwork(profile, id, place));
      return Promise.resolve(id);
    },
    redescribesProfile(name, from, to) {
      for (const { networks } of lab.hosts) networks.define(networks.xml(networks.byName(name)).replace(from, to));
      return Promise.resolve();
    },
    removesProfile(name) {
      for (const { networks } of lab.hosts) networks.undefine(networks.byName(name));
      return Promise.resolve();
    },
    addsPair({ mac }) {
      const { domains, devices } = hostOfVm(lab);
      const vf = devices.virtualFunctions()[0];
      if (vf === undefined) throw new Error("the host has no VF");
      vf.driver = "vfio-pci";
      for (const device of pairDevices(mac, vf.address, place))
        domains.attach(domains.requireNamed("web"), parseXml(device), Affect.LIVE | Affect.CONFIG);
      return Promise.resolve();
    },
    unplugsPair() {
      const host = hostOfVm(lab);
      const web = host.domains.requireNamed("web");
      for (const { alias } of devicesIn(web.live).toReversed()) host.guestReleases(web, alias);
      return Promise.resolve();
    },
    movesVm(to) {
      const [from, there] = [hostOfVm(lab), hostNamed(lab, to)];
      const web = from.domains.requireNamed("web");
      const xml = formatXml(web.config ?? web.live ?? { name: "domain", attributes: {}, children: [] });
      from.domains.undefine(web);
      from.domains.stop(web);
      const arrived = there.domains.define(xml);
      // The hosts are alike: what is free here under an address is so there.
      for (const address of hostDevicesOf(parseXml(xml))) {
        bind(from, address, "igbvf");
        bind(there, address, "vfio-pci");
      }
      there.domains.start(arrived);
      return Promise.resolve();
    },
  };
}

function faults(lab: LabLike): Faults {
  return {
    losesBridge(name) {
      const { bridges } = hostNamed(lab, name).devices;
      const lost = bridges.splice(0);
      return Promise.resolve(() => {
        bridges.push(...lost);
        return Promise.resolve();
      });
    },
    hasNoFreeVf(name) {
      const free = hostNamed(lab, name)
        .devices.virtualFunctions()
        .filter(({ driver }) => driver === "igbvf");
      for (const vf of free) occupy(vf);
      return Promise.resolve(() => {
        for (const vf of free) delete vf.netdev;
        return Promise.resolve();
      });
    },
    losesVfOnArrival(name) {
      const host = hostNamed(lab, name);
      const links = (linkUp: boolean) => {
        for (const pf of host.devices.physicalFunctions) pf.linkUp = linkUp;
      };
      host.after("domain_migrate_finish3_params", () => links(false));
      return Promise.resolve(() => {
        links(true);
        return Promise.resolve();
      });
    },
    becomesUnreachable() {
      // Only that host could say that the VM is gone: a profile is read from the others.
      const host = hostOfVm(lab);
      const uri = lab.configuration.cluster.hosts[host.name]?.uri ?? "";
      const socket = new URL(uri).searchParams.get("socket") ?? "";
      host.close();
      return Promise.resolve(() => host.listen(socket));
    },
  };
}

function hostNamed({ hosts }: LabLike, name: HostName): LibvirtHostModel {
  return hosts.find((host) => host.name === name) ?? missing(name);
}

/** The one that runs `web`. */
function hostOfVm(lab: LabLike): LibvirtHostModel {
  const [name, ...more] = clusterState(lab).runsOn;
  if (more.length > 0) throw new Error(`web runs on ${[name, ...more].join(" and ")}`);
  return hostNamed(lab, name === "host2" ? "host2" : "host1");
}

function devicesIn(definition: Element | undefined): readonly DeviceThere[] {
  return definition === undefined ? [] : networkDevices(formatXml(definition));
}

function profilesOn({ networks }: LibvirtHostModel) {
  return networks.all().flatMap((net) => parseProfileNetwork(networks.xml(net))?.profile ?? []);
}

function bind(host: LibvirtHostModel, address: string, driver: "igbvf" | "vfio-pci"): void {
  const found = host.devices.functionAt(address) ?? missing(address);
  found.vf.driver = driver;
}

function missing(what: string): never {
  throw new Error(`there is no ${what}`);
}

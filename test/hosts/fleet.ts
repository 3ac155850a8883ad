/** Many hosts with many running VMs, and a program's worth of interfaces for them: what is fast on one VM need not be on a hundred. */
import { pfsOf, type ClusterConfig } from "../../provider/config/index.js";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { formatXml } from "../../provider/xml/element.js";
import {
  buildInterfaceRecords,
  primaryAliasOf,
  standbyAliasOf,
  type InterfaceRecord,
} from "../../provider/backends/libvirt/xml/interface-record.js";
import { metadataNamespace, metadataPrefix } from "../../provider/backends/libvirt/xml/metadata.js";
import { formatProfileNetwork, type ProfileRecord } from "../../provider/backends/libvirt/xml/network.js";
import { parsePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { buildPrimary, buildStandby } from "../../provider/backends/libvirt/xml/teaming.js";
import { domainXml } from "./two-hosts.js";
import { LibvirtHostModel } from "./libvirt-host.js";
import { MigrationNetwork } from "./migration.js";
import type { PhysicalFunctionModel } from "./node-devices.js";

export const interfacesPerVm = 10;
const hostCount = 4;

/** A VM has one pair of either passthrough profile (two with one failover profile would clash), the rest on bridges. */
export const profilesOfVm = [
  ...["data-vf", "storage-vf"],
  ...Array.from({ length: interfacesPerVm - 2 }, (_, index) => (index % 2 === 0 ? "data" : "storage")),
];
/** Root ports that a VM needs: a pair takes two. */
const rootPorts = interfacesPerVm + 2 + 2;

export const fleetNetworks: ClusterConfig["networks"] = {
  data: { bridge: "br0", mtu: 1500 },
  storage: { bridge: "br1", mtu: 9000 },
  "data-vf": { physicalFunctions: ["pf0"] },
  "storage-vf": { physicalFunctions: ["pf1"] },
};

export function vmNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `vm${String(index).padStart(3, "0")}`);
}

/** Hosts over which so many VMs are spread, all running and without an interface. */
export function fleet(vms: number): LibvirtHostModel[] {
  const network = new MigrationNetwork();
  const virtualFunctions = Math.ceil(vms / hostCount) + 4;
  const hosts = Array.from(
    { length: hostCount },
    (_, index) =>
      new LibvirtHostModel(
        {
          name: `host${index + 1}`,
          uuid: `00000000-0000-4000-8000-${hexadecimal(index + 1, 12)}`,
          physicalFunctions: [0, 1].map((pf) => physicalFunction(index, pf, virtualFunctions)),
          bridges: [
            { name: "br0", mtu: 1500, ports: ["uplink0"] },
            { name: "br1", mtu: 9000, ports: ["uplink1"] },
          ],
        },
        network,
      ),
  );
  for (const [index, name] of vmNames(vms).entries()) {
    const uuid = `11111111-2222-4333-8444-${hexadecimal(index + 1, 12)}`;
    const { domains } = hosts[index % hostCount] ?? raise();
    domains.start(domains.define(domainXml({ name, uuid }, "", { rootPorts })));
  }
  return hosts;
}

/** An interface of a furnished fleet, as a program has declared it. */
export interface FleetInterface {
  readonly id: string;
  readonly vm: string;
  readonly profile: string;
  readonly mac: string;
}

/** The interfaces of a VM, by the VM's place among {@link vmNames}. */
export function interfacesOfVm(index: number, name: string): FleetInterface[] {
  return profilesOfVm.map((profile, nic) => ({
    id: `${name}/${recordId(index, nic)}`,
    vm: name,
    profile: profileIds[profile] ?? raise(),
    mac: `52:54:01:${hexadecimal(index, 4).replace(/../, "$&:")}:${hexadecimal(nic, 2)}`,
  }));
}

/** Profiles and interfaces as the product makes them, without the hours that it would take to make very many. */
export function furnish(hosts: readonly LibvirtHostModel[], vms: number): void {
  for (const host of hosts)
    for (const profile of profiles) {
      const { bridge, physicalFunctions } = fleetNetworks[profile.network] ?? {};
      const place = { bridge: bridge ?? "", physicalFunction: pfsOf({ physicalFunctions })?.[0]?.name ?? "" };
      host.networks.define(formatProfileNetwork(profile, place));
    }
  for (const [index, name] of vmNames(vms).entries()) {
    const host = hosts[index % hosts.length] ?? raise();
    const domain = host.domains.requireNamed(name);
    const records = interfacesOfVm(index, name).map(({ profile, mac }, nic): InterfaceRecord => {
      const { failover } = profiles.find(({ id }) => id === profile) ?? raise();
      return {
        ...{ id: recordId(index, nic), profile, mac, plugged: true, linked: true },
        ...(failover !== undefined && { standbyProfile: failover }),
      };
    });
    for (const [nic, record] of records.entries()) {
      const both = record.standbyProfile !== undefined;
      const common = { mac: record.mac, linkState: "up" } as const;
      const alias = standbyAliasOf(record) ?? primaryAliasOf(record);
      const standby = buildStandby({ ...common, alias, bridge: nic % 2 === 0 ? "br0" : "br1", mtu: 1500 });
      host.domains.attach(domain, standby, Affect.LIVE | Affect.CONFIG);
      if (!both) continue;
      const vf = host.devices.virtualFunctions().find(({ driver }) => driver === "igbvf") ?? raise();
      vf.driver = "vfio-pci";
      const primary = buildPrimary({
        ...common,
        vf: parsePciAddress(vf.address) ?? raise(),
        alias: primaryAliasOf(record),
        standbyAlias: alias,
      });
      host.domains.attach(domain, primary, Affect.LIVE | Affect.CONFIG);
    }
    const uri = metadataNamespace("interfaces");
    const xml = formatXml(buildInterfaceRecords(records));
    host.domains.setMetadata(domain, uri, metadataPrefix, xml, Affect.LIVE | Affect.CONFIG);
  }
}

const profileIds: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(fleetNetworks).map((name, index) => [name, `22222222-2222-4333-8444-${hexadecimal(index + 1, 12)}`]),
);

const profiles = Object.entries(profileIds).map(([name, id]): ProfileRecord => {
  const passed = name.endsWith("-vf");
  return {
    ...{ id, name, network: name, portMirroring: false, customProperties: {} },
    ...{ passThrough: passed ? "enabled" : "disabled", migratable: passed },
    ...(passed && { failover: profileIds[name.replace("-vf", "")] ?? raise() }),
  };
});

function recordId(vm: number, nic: number): string {
  return `33333333-2222-4333-${hexadecimal(nic, 4)}-${hexadecimal(vm + 1, 12)}`;
}

function physicalFunction(host: number, index: number, virtualFunctions: number): PhysicalFunctionModel {
  const bus = hexadecimal(index + 1, 2);
  return {
    name: `pf${index}`,
    address: `0000:${bus}:00.0`,
    mac: `52:54:00:79:${bus}:${hexadecimal(host, 2)}`,
    linkUp: true,
    virtualFunctions: Array.from({ length: virtualFunctions }, (_, vf) => ({
      address: `0000:${hexadecimal(0x10 * (index + 1) + (vf >> 8), 2)}:${hexadecimal((vf >> 3) % 32, 2)}.${vf % 8}`,
      driver: "igbvf",
      iommuGroup: 1000 * (index + 1) + vf,
    })),
  };
}

function hexadecimal(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function raise(): never {
  throw new Error("a fleet has hosts");
}

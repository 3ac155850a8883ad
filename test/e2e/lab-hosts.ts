/** The lab's hosts as a backend of the scenarios; another tool works on them with virsh. */
import { randomUUID } from "node:crypto";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { parseProfileNetwork } from "../../provider/backends/libvirt/xml/network.js";
import { nodeDeviceName } from "../../provider/backends/libvirt/xml/pci-address.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { reset, type LabState } from "../lab/lab.js";
import { bridge, guestNamed, hostNamed, hosts, physicalFunction, type LabHost } from "../lab/layout.js";
import { ssh } from "../lab/ssh.js";
import type { Backend, Reality, Administrator } from "../scenarios/backend.js";
import { pairDevices, profileNetwork, vfDevice, type Place } from "../scenarios/by-hand.js";
import { networkDevices } from "../scenarios/network-devices.js";
import { domainXml, traces } from "./lab.js";

const place: Place = { bridge, physicalFunction };

/** The hosts are reset first: the guest runs on host1, without any interface. */
export async function labHosts(lab: LabState): Promise<Backend> {
  await reset(lab, guestNamed("web"));
  const cluster = clusterConfig(lab);
  const networks = { ...cluster.networks, data2: { bridge, mtu: 1500 } };
  return {
    kind: "libvirt",
    settings: { config: { "vnic-failover:cluster": { ...cluster, networks } } },
    reality: reality(lab),
    administrator: administrator(lab),
    close: () => Promise.resolve(),
  };
}

function reality(lab: LabState): Reality {
  return {
    async profiles() {
      const host = hostNamed("host1");
      const names = await linesOf(lab, host, "virsh -q net-list --all --name");
      const found = await Promise.all(names.map((name) => networkXml(lab, host, name)));
      return found.flatMap((xml) => parseProfileNetwork(xml)?.profile ?? []);
    },
    async vm() {
      const host = await hostOfVm(lab);
      return { host: host.name, devices: networkDevices(await domainXml(lab, host, "web")) };
    },
    traces: () => traces(lab),
  };
}

function administrator(lab: LabState): Administrator {
  const onEveryHost = (act: (host: LabHost) => Promise<unknown>) => Promise.all(hosts.map(act));
  return {
    async addsProfile(profile) {
      const id = randomUUID();
      await onEveryHost((host) => virsh(lab, host, "net-define", profileNetwork(profile, id, place)));
      return id;
    },
    async redescribesProfile(name, from, to) {
      await onEveryHost(async (host) =>
        virsh(lab, host, "net-define", (await networkXml(lab, host, name)).replace(from, to)),
      );
    },
    async removesProfile(name) {
      await onEveryHost((host) => ssh(lab.image, host, `virsh -q net-undefine ${name}`));
    },
    async addsPair({ mac }) {
      const host = await hostOfVm(lab);
      const vf = await takenVf(lab, host);
      for (const device of pairDevices(mac, vf, place)) await virsh(lab, host, "attach-device web", device, bothWays);
    },
    async unplugsPair() {
      const host = await hostOfVm(lab);
      const devices = networkDevices(await domainXml(lab, host, "web"));
      for (const { alias } of devices.toReversed()) await unplug(lab, host, alias, "--live");
    },
    async movesVm(to) {
      const [from, there] = [await hostOfVm(lab), hostNamed(to)];
      const { interfaces } = parseDomain(await domainXml(lab, from, "web"));
      const nic = interfaces.find(({ vf }) => vf !== undefined);
      const { vf, mac = "", alias = "" } = nic ?? {};
      const standby = nic?.teaming?.type === "transient" ? nic.teaming.persistent : "";
      if (vf === undefined) throw new Error("web has no VF");
      await unplug(lab, from, alias, bothWays);
      await ssh(lab.image, from, `virsh -q nodedev-reattach ${nodeDeviceName(vf)}`);
      await ssh(
        lab.image,
        from,
        `virsh -q migrate --live --persistent --undefinesource web qemu+ssh://${there.name}/system --migrateuri tcp://${there.migrationAddress}`,
      );
      const device = vfDevice(mac, await takenVf(lab, there), { alias, standby });
      await virsh(lab, there, "attach-device web", device, bothWays);
    },
  };
}

/** Of the running domain and of its definition. */
const bothWays = "--live --config";

/** The PCI address of the host's first VF, which is bound to vfio now. */
async function takenVf(lab: LabState, host: LabHost): Promise<string> {
  const [address = ""] = await linesOf(
    lab,
    host,
    `basename "$(readlink /sys/class/net/${physicalFunction}/device/virtfn0)"`,
  );
  await ssh(lab.image, host, `virsh -q nodedev-detach pci_${address.replaceAll(/[:.]/g, "_")}`);
  return address;
}

/** Returns when the guest has released the device. */
async function unplug(lab: LabState, host: LabHost, alias: string, how: string): Promise<void> {
  await ssh(
    lab.image,
    host,
    `virsh -q detach-device-alias web ${alias} ${how} && timeout 60 sh -c 'while virsh dumpxml web | grep -q ${alias}; do sleep 0.2; done'`,
  );
}

/** A virsh command that takes a file. */
async function virsh(lab: LabState, host: LabHost, command: string, xml: string, how = ""): Promise<void> {
  await ssh(lab.image, host, `cat > /tmp/by-hand.xml && virsh -q ${command} /tmp/by-hand.xml ${how}`, { input: xml });
}

async function networkXml(lab: LabState, host: LabHost, name: string): Promise<string> {
  return (await ssh(lab.image, host, `virsh net-dumpxml ${name}`)).stdout;
}

async function hostOfVm(lab: LabState): Promise<LabHost> {
  for (const host of hosts) {
    const { stdout } = await ssh(lab.image, host, "virsh domstate web 2>/dev/null", { accept: [0, 1] });
    if (stdout.trim() === "running") return host;
  }
  throw new Error("web runs nowhere");
}

async function linesOf(lab: LabState, host: LabHost, command: string): Promise<readonly string[]> {
  return (await ssh(lab.image, host, command)).stdout.split("\n").filter((line) => line !== "");
}

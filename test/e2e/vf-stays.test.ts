/** A pair that its owner made in the second of two VLANs on one PF: taken over, moved there and back, it is what it was. */
import { beforeEach, describe, expect, test } from "vitest";
import { formatPciAddress, nodeDeviceName, parsePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { parseXml, withChildren, type Element } from "../../provider/xml/element.js";
import { flat, pciAttributesOf } from "../hosts/by-hand.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { guestShows, requireLab, reset, type LabState } from "../lab/lab.js";
import { bridge, guestNamed, hostNamed, physicalFunction, type LabHost } from "../lab/layout.js";
import { ssh } from "../lab/ssh.js";
import { withStack } from "../pulumi/stack.js";
import { bothEnslaved, domainXml, labSkipped, vfDrivers } from "./lab.js";

const web = guestNamed("web");
const [host1, host2] = [hostNamed("host1"), hostNamed("host2")];

// Nothing that is announced reaches a VF that is in a VLAN by itself: its bridge is in none.
const program = (host: string) => `
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("tenant20", { network: "tenant20", passThrough: "enabled", migratable: true, failover: standby });
const nic = new VmInterface("nic", { vm: "web", profile: fast, mac: "${web.mac}", adopt: true });
new VmPlacement("place", { vm: "web", host: "${host}", migration: { announce: "none" } }, { dependsOn: nic });
`;

const standby = `<interface type='bridge'><mac address='${web.mac}'/><source bridge='${bridge}'/><model type='virtio'/><driver queues='1' event_idx='off'/><alias name='ua-tenants-standby'/><teaming type='persistent'/></interface>`;

/** With what an owner can write: VLAN, ROM, and a place in the guest that is not the first that is free. */
const vf = (address: string, bus: string) =>
  `<interface type='hostdev' trustGuestRxFilters='no'><mac address='${web.mac}'/><driver name='vfio'/><source><address type='pci' ${pciAttributesOf(address)}/></source><vlan><tag id='20'/></vlan><rom bar='off'/><alias name='ua-tenants-vf'/><teaming type='transient' persistent='ua-tenants-standby'/><address type='pci' domain='0x0000' bus='${bus}' slot='0x00' function='0x0'/></interface>`;

/** What a move adds to the live XML. */
const memoryTaken = 'memoryBacking[](allocation[["mode","immediate"]]())';

describe.skipIf(labSkipped !== undefined)("on the lab", () => {
  let lab: LabState;

  beforeEach(async () => {
    lab = requireLab();
    await reset(lab, web);
  });

  test("an adopted pair in the second VLAN of a PF goes there and back, and nothing of it changes but its VF", async () => {
    const cluster = clusterConfig(lab);
    const networks = {
      ...cluster.networks,
      "data-vf": { physicalFunctions: [physicalFunction], vlan: 10 },
      tenant20: { physicalFunctions: [physicalFunction], vlan: 20 },
    };
    const address = await makePair();
    await guestShows(lab, web, host1, bothEnslaved);
    const before = await described(host1);
    const config = { "vnic-failover:cluster": { ...cluster, networks } };
    await withStack({ program: program("host1"), config }, async (stack) => {
      const adopted = await stack.up();
      expect(adopted.exitCode, adopted.text).toBe(0);
      expect(await described(host1)).toEqual(before);

      for (const there of [host2, host1]) {
        stack.write(program(there.name));
        const moved = await stack.up();
        expect(moved.exitCode, moved.text).toBe(0);
        const now = await described(there);
        const plugged = now.vfs[0] ?? "";
        expect(now.vfs).toEqual([plugged, plugged]);
        // How its QEMU has got its memory is no device of the VM's, and its definition does not say it (docs/adr/0024).
        const live = now.live.filter((line) => line !== memoryTaken);
        expect(now.live).toContain(memoryTaken);
        expect({ ...now, live, vfs: before.vfs }).toEqual(before);
        expect(await vlanOf(there, plugged)).toBe(20);
        await guestShows(lab, web, there, bothEnslaved);
      }
      expect(await vfDrivers(lab, host2)).toEqual(["igbvf", "igbvf", "igbvf", "igbvf"]);
      expect(before.vfs).toEqual([address, address]);

      const gone = await stack.destroy();
      expect(gone.exitCode, gone.text).toBe(0);
    });
  }, 600_000);

  /** @returns the VF. */
  async function makePair(): Promise<string> {
    const address = await boundVf(host1, 1);
    const [port] = await freePorts();
    await plug(standby);
    await plug(vf(address, port));
    return address;
  }

  async function boundVf(host: LabHost, number: number): Promise<string> {
    const path = `/sys/class/net/${physicalFunction}/device/virtfn${number}`;
    const address = (await ssh(lab.image, host, `basename "$(readlink ${path})"`)).stdout.trim();
    await ssh(lab.image, host, `virsh -q nodedev-detach ${nodeName(address)}`);
    return address;
  }

  /** The last two root ports that are free, by bus. */
  async function freePorts(): Promise<readonly [string, string]> {
    const { rootPorts } = parseDomain(await domainXml(lab, host1, "web"));
    const [last, before] = rootPorts
      .filter(({ free }) => free)
      .map(({ bus }) => `0x${bus.toString(16).padStart(2, "0")}`)
      .toReversed();
    if (last === undefined || before === undefined) throw new Error("web has no two free root ports");
    return [last, before];
  }

  async function plug(device: string): Promise<void> {
    await ssh(lab.image, host1, "cat > /tmp/pair.xml && virsh -q attach-device web /tmp/pair.xml --live --config", {
      input: device,
    });
  }

  /** All of the VM's XML, live and defined, but for the VF of the host, our metadata, and what libvirt counts again on each host. */
  async function described(
    host: LabHost,
  ): Promise<{ live: readonly string[]; defined: readonly string[]; vfs: readonly string[] }> {
    const [live, defined] = [await domainXml(lab, host, "web"), await domainXml(lab, host, "web", "--inactive")];
    const vfs = [live, defined].flatMap((xml) => hostdevsOf(xml));
    const lines = (xml: string) => linesOf(withoutCounted(parseXml(xml)), hostdevsOf(xml));
    return { live: lines(live), defined: lines(defined), vfs };
  }

  async function vlanOf(host: LabHost, address: string): Promise<number | undefined> {
    const { stdout } = await ssh(
      lab.image,
      host,
      `for v in /sys/class/net/${physicalFunction}/device/virtfn*; do [ "$(basename "$(readlink $v)")" = ${address} ] && ip link show ${physicalFunction} | grep "vf \${v##*virtfn} "; done; true`,
    );
    const tag = /vlan (\d+)/.exec(stdout)?.[1];
    return tag === undefined ? undefined : Number(tag);
  }
});

function nodeName(address: string): string {
  const parsed = parsePciAddress(address);
  if (parsed === undefined) throw new Error(`no PCI address: ${address}`);
  return nodeDeviceName(parsed);
}

function hostdevsOf(xml: string): readonly string[] {
  return parseDomain(xml).hostdevs.map(formatPciAddress);
}

/** One line for each part of the domain, the devices one by one. */
function linesOf(domain: Element, vfs: readonly string[]): readonly string[] {
  const addresses = vfs.map((vf) =>
    flat(parseXml(`<address ${pciAttributesOf(vf)}/>`)).slice("address[".length, -"]()".length),
  );
  return domain.children
    .flatMap((part) => (part.name === "devices" ? part.children : part))
    .map(flat)
    .map((line) => addresses.reduce((text, address) => text.replaceAll(address, "VF"), line))
    .toSorted();
}

/** Numbers that each host gives by itself: of taps, of pseudo-terminals, of security labels. */
function withoutCounted(root: Element): Element {
  const kept = root.children.filter(({ name }) => !["metadata", "seclabel"].includes(name));
  const attributes = Object.entries(root.attributes).flatMap(([name, value]) => {
    if (root.name === "domain" && name === "id") return [];
    return [[name, value.replace(/^vnet\d+$/, "vnet").replace(/^\/dev\/pts\/\d+$/, "pts")]];
  });
  return withChildren(
    { ...root, attributes: Object.fromEntries(attributes) as Element["attributes"] },
    kept.map(withoutCounted),
  );
}

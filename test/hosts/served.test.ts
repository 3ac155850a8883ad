/** A scenario's hosts in this process: what they answer, and when their state is written. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import type { LibvirtHost } from "../../provider/backends/libvirt/host.js";
import { hostInterface, physicalFunction, releaseVf, reserveVf } from "../../provider/backends/libvirt/inventory.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { parseXml } from "../../provider/xml/element.js";
import { formatPciAddress, parsePciAddress, type PciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { root } from "../../toolchain/pulumi.js";
import { domainXml, vfs, vm } from "./two-hosts.js";
import { hostsOf } from "./scenario-hosts.js";
import { parseScenario } from "./scenario.js";
import { serveHosts } from "./served.js";
import type { HostsState } from "./state.js";

const examples = join(root, "examples", "model-hosts");
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "served-"))));
afterEach(() => rmSync(folder, { recursive: true }));

async function serve(scenario: unknown) {
  const [config, state] = [join(folder, "cluster.json"), join(folder, "state.json")];
  const served = await serveHosts(parseScenario(scenario), { config, state }, (error) => {
    throw error;
  });
  const cluster = new LibvirtCluster(parseConfiguration({ cluster: readFileSync(config, "utf8") }));
  onTestFinished(async () => {
    await cluster.close();
    served.close();
  });
  return {
    served,
    cluster,
    get host1() {
      return cluster.host("host1");
    },
    stateFile: state,
    state: () => JSON.parse(readFileSync(state, "utf8")) as HostsState,
  };
}

const pci = (text: string): PciAddress => parsePciAddress(text) ?? expect.fail(`${text} is no address`);
const vfXml = (address: string, more = "", attributes = "") => {
  const { slot, function: number } = pci(address);
  return `<interface type='hostdev'${attributes}><mac address='${vm.mac}'/><source><address type='pci' domain='0x0000' bus='0x01' slot='0x${slot.toString(16)}' function='0x${number}'/></source>${more}</interface>`;
};
const web = (devices: string) => ({ live: domainXml(vm, devices), definition: domainXml(vm, devices) });
const nodeDevice = async (host: LibvirtHost, name: string) =>
  (await (await host.connection()).call("node_device_get_xml_desc", { name, flags: 0 })).xml;

describe("the state", () => {
  it("is written after a change, before its answer, for its owner alone, and not where nothing changed", async () => {
    const { host1, state, stateFile } = await serve({});
    const written = () => statSync(stateFile, { bigint: true }).ino;
    const first = written();
    expect(statSync(stateFile).mode & 0o777).toBe(0o600);
    await host1.domains();
    await physicalFunction(host1, "pf0");
    expect(written()).toBe(first);

    await reserveVf(host1, pci(vfs[1]));
    expect(written()).not.toBe(first);
    expect(state().hosts["host1"]?.virtualFunctions[vfs[1]]).toEqual({ driver: "vfio-pci", usedBy: null });
    expect(readdirSync(folder).toSorted()).toEqual(["cluster.json", "state.json"]);
  });

  it("tells what a guest does late", async () => {
    const guest = { unplug: "releases", afterMilliseconds: 300 };
    const { host1, state } = await serve({
      hosts: { host1: { guest, domains: [web(vfXml(vfs[0], "<alias name='ua-vf0'/>"))] } },
    });
    const dom = (await host1.findDomain("web")) ?? expect.fail("no web");
    await host1.detachAlias(dom, "ua-vf0", Affect.LIVE);
    const inUse = () => state().hosts["host1"]?.virtualFunctions[vfs[0]]?.usedBy;
    expect(inUse()).toBe("web");
    await vi.waitFor(() => expect(inUse()).toBeNull(), { timeout: 5000 });
  });

  it("has every part of a domain, and its metadata by namespace", async () => {
    const metadata = `<metadata><x:note xmlns:x='https://example.org/note'>kept</x:note></metadata>`;
    const xml = domainXml(vm, "<unheard-of answer='42'><deep/></unheard-of>").replace("<memory", `${metadata}<memory`);
    const whole = { live: xml, definition: xml, state: "paused", autostart: true };
    const nameOnly = { live: "<domain type='kvm'><name>bare</name></domain>" };
    const { state, host1 } = await serve({
      hosts: { host1: { domains: [whole, nameOnly] }, host2: { domains: [nameOnly] } },
    });
    const { host1: one, host2: two } = state().hosts;
    expect(one?.domains["web"]).toMatchObject({ state: "paused", autostart: true, uuid: vm.uuid });
    expect(Object.entries(one?.domains["web"]?.metadata ?? {})).toEqual([
      ["https://example.org/note", expect.stringMatching(/>kept</)],
    ]);
    for (const text of [one?.domains["web"]?.live, one?.domains["web"]?.definition])
      expect(text).toContain('<unheard-of answer="42"><deep/></unheard-of>');
    expect(one?.domains["bare"]).toMatchObject({
      definition: null,
      state: "running",
      uuid: two?.domains["bare"]?.uuid,
    });
    expect((await host1.liveDomain((await host1.findDomain("bare")) ?? expect.fail())).uuid).toBe(
      one?.domains["bare"]?.uuid,
    );
  });
});

describe("VFs", () => {
  it("go back to the driver that they had; those bound to VFIO from the start stay there", async () => {
    const virtualFunctions = [
      { driver: "mlx5_core" },
      { driver: "vfio-pci" },
      { driver: "vfio-pci" },
      { driver: "vfio-pci", hostDriver: "mlx5_core" },
    ];
    const { host1, state } = await serve({
      hosts: { host1: { physicalFunctions: [{ virtualFunctions }], domains: [web(vfXml(vfs[2]))] } },
    });
    const drivers = () => Object.values(state().hosts["host1"]?.virtualFunctions ?? {}).map(({ driver }) => driver);
    await reserveVf(host1, pci(vfs[0]));
    // From libvirt 10.0 on a variant that fits is preferred.
    expect(drivers()).toEqual(["mlx5_vfio_pci", "vfio-pci", "vfio-pci", "vfio-pci"]);
    for (const vf of [vfs[1], vfs[3]]) await releaseVf(host1, pci(vf));
    expect(drivers()[1]).toBe("vfio-pci");
    expect(drivers()[3]).toBe("mlx5_core");
    const dom = (await host1.findDomain("web")) ?? expect.fail("no web");
    await host1.destroy(dom);
    await releaseVf(host1, pci(vfs[2]));
    expect(drivers()[2]).toBe("mlx5_core");
  });

  it("that libvirt manages are bound and returned by it", async () => {
    const { host1, state } = await serve({ hosts: { host1: { domains: [web("")] } } });
    const driver = () => state().hosts["host1"]?.virtualFunctions[vfs[1]]?.driver;
    const dom = (await host1.findDomain("web")) ?? expect.fail("no web");
    await expect(host1.attach(dom, parseXml(vfXml(vfs[1], "<alias name='ua-1'/>")), Affect.LIVE)).rejects.toThrow(
      "must be manually detached",
    );
    await host1.attach(dom, parseXml(vfXml(vfs[1], "<alias name='ua-1'/>", " managed='yes'")), Affect.LIVE);
    expect(driver()).toBe("vfio-pci");
    await host1.destroy(dom);
    expect(driver()).toBe("igbvf");
  });

  it("have what a scenario says of them in libvirt's words", async () => {
    const { host1 } = await serve({
      hosts: {
        host1: {
          bridges: [
            { name: "br0", ports: ["uplink0"] },
            { name: "ovs0", kind: "openvswitch", mtu: 9000 },
          ],
          physicalFunctions: [
            {
              name: "ens7f0",
              address: "0000:b3:00.1",
              numaNode: 1,
              switchdev: true,
              linkUp: false,
              mtu: 9000,
              virtualFunctions: [
                { iommuGroup: 5, netdev: { name: "ens7f0v0", up: true, addresses: ["10.0.0.2/24"], master: "br0" } },
                { iommuGroup: 5, netdev: null },
                {},
              ],
            },
          ],
        },
      },
    });
    const found = await physicalFunction(host1, "ens7f0");
    expect(found?.linkUp).toBe(false);
    expect(found?.virtualFunctions.map((vf) => [formatPciAddress(vf.address), vf.sharesIommuGroup])).toEqual([
      ["0000:b3:10.1", true],
      ["0000:b3:10.3", true],
      ["0000:b3:10.5", false],
    ]);
    expect(await nodeDevice(host1, "pci_0000_b3_10_1")).toContain('<numa node="1"/>');
    const { devices } = await (
      await host1.connection()
    ).call("connect_list_all_node_devices", { need_results: 1, flags: 16 });
    const nets = await Promise.all(devices.map(({ name }) => nodeDevice(host1, name)));
    expect(nets.find((xml) => xml.includes("<interface>ens7f0<"))).toContain('<feature name="switchdev"/>');
    const netdev = nets.find((xml) => xml.includes("<interface>ens7f0v0<"));
    expect(netdev).toMatch(/<parent>pci_0000_b3_10_1<.*state="up"/);
    expect(nets.map((xml) => /<interface>(.*)<\/interface>/.exec(xml)?.[1])).toEqual([
      "ens7f0",
      "ens7f0v0",
      "ens7f0v2",
      "ovs0",
    ]);
    const seen = (name: string) => hostInterface(host1, name, { commands: false });
    expect(await seen("br0")).toMatchObject({ type: "bridge", ports: ["uplink0", "ens7f0v0"] });
    expect(await seen("ovs0")).toEqual({ name: "ovs0", type: "ethernet", mtu: 9000, ports: [] });
    expect(await seen("ens7f0")).toMatchObject({ type: "ethernet", mtu: 9000 });

    await reserveVf(host1, pci("0000:b3:10.1"));
    expect(await seen("ens7f0v0")).toBe("absent");
    expect(await seen("br0")).toMatchObject({ ports: ["uplink0"] });
  });
});

describe("a host that dies", () => {
  const inUse = domainXml(vm, vfXml(vfs[0], "<alias name='ua-vf0'/>"));

  it.each<[string, object, number]>([
    ["the first call, if nothing is said", {}, 0],
    ["the first, by its other number", { occurrence: 0 }, 0],
    ["the second, before it", { occurrence: 2 }, 1],
    ["the second, after it", { occurrence: 2, moment: "after" }, 1],
  ])("at %s, answers only what was before", async (_, when, answered) => {
    const diesAt = { procedure: "node_device_detach_flags", ...when };
    const domains = [
      { live: inUse, definition: inUse, autostart: true },
      { live: domainXml({ ...vm, name: "gone", uuid: vm.uuid.replace("50", "51") }) },
    ];
    const { host1, state } = await serve({ hosts: { host1: { diesAt, domains } } });
    const outcomes: boolean[] = [];
    for (const vf of vfs.slice(1))
      outcomes.push(
        await reserveVf(host1, pci(vf)).then(
          () => true,
          () => false,
        ),
      );
    expect(outcomes).toEqual(vfs.slice(1).map((_, index) => index < answered));
    const { reachable, domains: left, virtualFunctions } = state().hosts["host1"] ?? {};
    expect(reachable).toBe(false);
    expect(left).toMatchObject({ web: { state: "shutoff", live: null, autostart: true } });
    expect(Object.keys(left ?? {})).toEqual(["web"]);
    expect(virtualFunctions?.[vfs[0]]).toEqual({ driver: "igbvf", usedBy: null });
  });
});

describe("hosts", () => {
  it.each<[string, string, object, boolean]>([
    ["what is free", "", { freeMemoryMiB: 1024 }, true],
    ["what is free and cached", "", { freeMemoryMiB: 512, cachedMemoryMiB: 512 }, true],
    ["neither", "", { freeMemoryMiB: 512, cachedMemoryMiB: 511 }, false],
    ["no page of its size", "1048576", { freeMemoryMiB: 9999, hugepages: [{ sizeKiB: 2048, free: 9999 }] }, false],
    ["pages of its size", "1048576", { freeMemoryMiB: 0, hugepages: [{ sizeKiB: 1_048_576, free: 1 }] }, true],
  ])("have memory for a VM that finds %s", (_, page, host, expected) => {
    const backing =
      page === "" ? "" : `<memoryBacking><hugepages><page size='${page}' unit='KiB'/></hugepages></memoryBacking>`;
    const vmXml = parseXml(
      domainXml(vm).replace("<memory unit='KiB'>262144</memory>", `<memory unit='MiB'>1024</memory>${backing}`),
    );
    expect(hostsOf(parseScenario({ hosts: { host1: host } })).hosts[0]?.hasMemoryFor(vmXml)).toBe(expected);
  });

  it("set a NIC's link, live and in the definition", async () => {
    const nic = (more: string) =>
      `<interface type='bridge'><mac address='${vm.mac}'/><source bridge='br0'/>${more}<alias name='ua-nic'/></interface>`;
    const { host1, state } = await serve({ hosts: { host1: { domains: [web(nic(""))] } } });
    const dom = (await host1.findDomain("web")) ?? expect.fail("no web");
    await host1.updateDevice(dom, parseXml(nic("<link state='down'/>")), Affect.LIVE | Affect.CONFIG);
    const { live, definition } = state().hosts["host1"]?.domains["web"] ?? {};
    for (const xml of [live, definition]) expect(xml).toContain('<link state="down"/>');
    const unknown = parseXml(nic("").replace(vm.mac, "52:54:00:00:00:01"));
    await expect(host1.updateDevice(dom, unknown, Affect.LIVE)).rejects.toThrow("no device matching MAC address");
  });

  it.each(readdirSync(examples))("of example %s can be served", async (file) => {
    const { state } = await serve(JSON.parse(readFileSync(join(examples, file), "utf8")));
    expect(state().hosts["host1"]?.virtualFunctions[vfs[0]]).toEqual({ driver: "vfio-pci", usedBy: "web" });
  });

  it("may be many, and two things of one name on one are refused", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `rack1-node-${index + 1}.example`);
    const { state } = await serve({ hosts: Object.fromEntries(names.map((name) => [name, {}])) });
    expect(Object.keys(state().hosts)).toEqual(names);
    expect(Object.keys(state().hosts[names[0] ?? ""]?.domains ?? {})).toEqual(["web"]);
    await expect(
      serve({ hosts: { host1: { bridges: [{ name: "b" }, { name: "b" }], domains: [web(""), web("")] } } }),
    ).rejects.toThrow(/bridge "b" twice\n.*domain "web" twice/);
  });

  it("leave nothing behind that tells of them where they cannot be", async () => {
    const files = { config: join(folder, "cluster.json"), state: join(folder, "none", "state.json") };
    await expect(serveHosts(parseScenario({}), files, () => undefined)).rejects.toThrow("ENOENT");
    expect(existsSync(files.config)).toBe(false);
  });
});

it("a daemon that is missing is libvirt's own error at whatever it would answer, and at nothing else", async () => {
  const { host1 } = await serve({ hosts: { host1: { missingDaemons: ["nodedev"] } } });
  await expect(nodeDevice(host1, "pci_0000_01_00_0")).rejects.toMatchObject({
    name: "DriverMissing",
    driver: "nodedev",
    code: 38,
    domain: 7,
    libvirtMessage: "Failed to connect socket to '/var/run/libvirt/virtnodedevd-sock': No such file or directory",
  });
  expect(await host1.domains()).toHaveLength(1);
  expect(await hostInterface(host1, "br0", { commands: false })).toMatchObject({ type: "bridge" });
});

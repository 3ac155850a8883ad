/** The test engine (test/engine), as an oVirt administrator and the guest's hypervisor see it. */
import { freeVfs } from "../engine/hypervisor.js";
import { addNic, updateNic } from "../engine/commands/nics.js";
import { addProfile, removeProfile, updateProfile } from "../engine/commands/profiles.js";
import { firstInventory } from "../engine/inventory.js";
import { named, newId, put, type Host, type Model, type Profile, type Vm } from "../engine/model.js";
import { TestEngine } from "../engine/server.js";
import { suitableVf } from "../engine/virtual-functions.js";
import type { Backend, DeviceThere, Faults, Reality, Administrator } from "./backend.js";

const administrator = { user: "admin@internal-authz" };

/** `TEST_ENGINE_TIMINGS=real`: every story with the times of a real engine. */
const asSlowAsAnEngine = process.env["TEST_ENGINE_TIMINGS"] === "real";

export async function ovirtEngine(): Promise<Backend> {
  const model = firstInventory();
  addNetwork(model, "data2");
  const engine = await TestEngine.start({ model, stepMillis: asSlowAsAnEngine ? undefined : 20 });
  const { url, username, password, caFile } = engine.address;
  return {
    kind: "ovirt",
    settings: {
      config: { "vnic-failover:ovirt": { url, username, caFile, cluster: "lab" } },
      secrets: { "vnic-failover:ovirtPassword": password },
    },
    reality: reality(model),
    administrator: administratorOf(model),
    faults: faults(engine),
    close: () => engine.stop(),
  };
}

/** Attached to every cluster and host, and to no PF. */
function addNetwork(model: Model, name: string): void {
  const dataCenter = named(model.dataCenters, "labdc")?.id;
  const { id } = put(model.networks, {
    id: newId(),
    name,
    dataCenter: dataCenter ?? "",
    vmNetwork: true,
    external: false,
    portIsolation: false,
    mtu: 0,
  });
  for (const { networks } of model.clusters.values()) networks.add(id);
  for (const { nics, name: host } of model.hosts.values())
    nics.push({
      id: newId(),
      name: "eth3",
      mac: host === "host1" ? "02:00:00:00:01:03" : "02:00:00:00:02:03",
      network: id,
    });
}

function reality(model: Model): Reality {
  return {
    profiles: () =>
      Promise.resolve(
        profilesMade(model).map(({ id, name, network }) => ({
          id,
          name,
          network: model.networks.get(network)?.name ?? network,
        })),
      ),
    vm() {
      const { devices, host } = webOf(model);
      return Promise.resolve({
        host: model.hosts.get(host ?? "")?.name ?? "",
        devices: devices
          .map(({ kind, mac, alias }): DeviceThere => ({ kind, mac, alias }))
          .toSorted((one, other) => (one.kind < other.kind ? -1 : 1)),
      });
    },
    traces() {
      const { nics, devices } = webOf(model);
      return Promise.resolve([
        ...profilesMade(model).map(({ name }) => `profile ${name}`),
        ...nics.map(({ name }) => `NIC ${name}`),
        ...devices.map(({ kind, alias }) => `${kind} ${alias}`),
        ...[...model.hosts.values()].flatMap((host) =>
          host.nics.flatMap(({ name, usedBy }) => (usedBy === undefined ? [] : [`VF ${name} of ${host.name}`])),
        ),
      ]);
    },
  };
}

function administratorOf(model: Model): Administrator {
  const profileNamed = (name: string): Profile => named(model.profiles, name) ?? missing(name);
  return {
    addsProfile({ name, failover }) {
      const passThrough = failover !== undefined;
      const { id } = addProfile(
        model,
        {
          id: newId(),
          name,
          network: (named(model.networks, passThrough ? "data-vf" : "data") ?? missing("network")).id,
          passThrough,
          migratable: passThrough,
          portMirroring: false,
          failover,
          customProperties: {},
        },
        true,
        administrator,
      );
      return Promise.resolve(id);
    },
    redescribesProfile(name, _from, description) {
      updateProfile(model, { ...profileNamed(name), description }, administrator);
      return Promise.resolve();
    },
    removesProfile(name) {
      removeProfile(model, profileNamed(name), administrator);
      return Promise.resolve();
    },
    addsPair({ mac, profile }) {
      const nic = {
        id: newId(),
        name: "mine",
        mac,
        interface: "pci_passthrough",
        linked: true,
        plugged: true,
      } as const;
      addNic(model, webOf(model), { ...nic, profile }, administrator);
      return Promise.resolve();
    },
    unplugsPair() {
      const web = webOf(model);
      for (const nic of web.nics) updateNic(model, web, nic, { ...nic, plugged: false }, administrator);
      return Promise.resolve();
    },
    movesVm(to) {
      const web = webOf(model);
      const destination = named(model.hosts, to) ?? missing(to);
      const vf = suitableVf(destination, named(model.networks, "data-vf") ?? missing("network"));
      if (vf === undefined) throw new Error(`${to} has no free VF`);
      for (const host of model.hosts.values()) freeVfs(host, web.id);
      vf.usedBy = web.id;
      web.devices = web.devices.map((device) => (device.kind === "hostdev" ? { ...device, vf: vf.id } : device));
      web.host = destination.id;
      return Promise.resolve();
    },
  };
}

function faults({ model, disruptions }: TestEngine): Faults {
  const hostNamed = (name: string): Host => named(model.hosts, name) ?? missing(name);
  return {
    losesBridge(name) {
      const data = (named(model.networks, "data") ?? missing("data")).id;
      const lost = hostNamed(name).nics.filter(({ network }) => network === data);
      for (const nic of lost) nic.network = undefined;
      return Promise.resolve(() => {
        for (const nic of lost) nic.network = data;
        return Promise.resolve();
      });
    },
    hasNoFreeVf(name) {
      const free = hostNamed(name).nics.filter(
        ({ physicalFunction, usedBy }) => physicalFunction !== undefined && usedBy === undefined,
      );
      for (const vf of free) vf.usedBy = "another VM";
      return Promise.resolve(() => {
        for (const vf of free) vf.usedBy = undefined;
        return Promise.resolve();
      });
    },
    losesVfOnArrival() {
      disruptions.add({ kind: "vf-not-replugged", vm: "web" });
      return Promise.resolve(() => Promise.resolve());
    },
    becomesUnreachable() {
      disruptions.add({ kind: "unavailable", retryAfter: 0, times: Number.MAX_SAFE_INTEGER });
      return Promise.resolve(() => {
        disruptions.clear();
        return Promise.resolve();
      });
    },
  };
}

/** Besides those that the engine is set up with. */
function profilesMade(model: Model): readonly Profile[] {
  return [...model.profiles.values()].filter(({ name }) => name !== "ovirtmgmt");
}

function webOf(model: Model): Vm {
  return named(model.vms, "web") ?? missing("web");
}

function missing(what: string): never {
  throw new Error(`the engine has no ${what}`);
}

/** Another VM of a declared VM's name: on another host, or made again in its place. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { placementRecordOf } from "../../provider/backends/libvirt/placement-records.js";
import { recordsOf } from "../../provider/backends/libvirt/interfaces.js";
import { status } from "../../provider/cli/commands/libvirt/status.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vmPlacement } from "../../provider/handlers/libvirt/vm-placement.js";
import { getVmPlacement } from "../../provider/handlers/functions/get-vm-placement.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { recover } from "../../provider/migration/recover.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { formatXml } from "../../provider/xml/element.js";
import { changing } from "../hosts/changing-calls.js";
import { declarePair, type DeclaredPair } from "../hosts/declared.js";
import { domainXml, twoHosts, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import { clusterState } from "../hosts/cluster-state.js";
import { without } from "../hosts/without.js";

let lab: LabLike;
let pair: DeclaredPair;
beforeEach(async () => {
  lab = await twoHosts();
  pair = await declarePair(lab);
});
afterEach(() => lab.close());

const other = { name: vm.name, uuid: "99999999-2222-4333-8444-000000000050" } as const;
const urn = "urn:pulumi:dev::demo::vnic:VmPlacement::web";
const changes = (host: LabLike["host1"]): number =>
  [...changing].reduce((sum, procedure) => sum + (host.calls.get(procedure) ?? 0), 0);

function shutOff(): void {
  lab.host1.domains.stop(lab.host1.domains.requireNamed(vm.name));
}

function startOther(host = lab.host2): void {
  host.domains.start(host.domains.define(domainXml(other)));
}

/** As `virsh undefine` and `virsh define` of a file with another UUID. */
function makeAgain(): void {
  shutOff();
  lab.host1.domains.undefine(lab.host1.domains.requireNamed(vm.name));
  startOther(lab.host1);
}

/** A placement on host1, with its note in the VM. */
const placed = () => vmPlacement.create(lab.context({ urn }), { vm: vm.name, host: "host1" });

describe("X6: a namesake that runs while the declared VM is shut off", () => {
  test("is read as what it is: another VM", async () => {
    const { state } = await placed();
    shutOff();
    startOther();
    const untouched = lab.hosts.map(changes);
    const nic = await vmInterface.read(lab.context(), pair.id, pair.state);
    expect(nic?.state).toMatchObject({ vm: "web", vmId: vm.uuid, host: "host1", missing: [] });
    const placement = await vmPlacement.read(lab.context(), "web", state);
    expect(placement?.state).toMatchObject({ vmId: vm.uuid, host: "host1", missing: [] });
    expect(lab.hosts.map(changes)).toEqual(untouched);
  });

  test("gets nothing of an update, and of a deletion the declared VM alone", async () => {
    const { state } = await placed();
    shutOff();
    startOther();
    const untouched = changes(lab.host2);
    const news = { vm: "web", profile: pair.profile, mac: vm.mac };
    await vmInterface.update(lab.context(), pair.id, pair.state, { ...news, plugged: false });
    expect(clusterState(lab)).toMatchObject({ definedVfs: [] });
    const back = await vmInterface.update(lab.context(), pair.id, pair.state, news);
    expect(back.state).toMatchObject({ vmId: vm.uuid, host: "host1", missing: [] });
    await vmInterface.delete(lab.context(), pair.id, back.state);
    expect(clusterState(lab)).toMatchObject({ definedVfs: [] });
    await expect(
      vmPlacement.update(lab.context({ urn }), "web", state, { vm: "web", host: "host2" }),
    ).rejects.toThrow();
    await vmPlacement.delete(lab.context({ urn }), "web", state);
    expect(placementOn(lab.host1)).toBeUndefined();
    expect(changes(lab.host2)).toBe(untouched);
    expect(lab.host2.domains.named("web")?.uuid).toBe(other.uuid);
  });
});

const placementOn = (host: LabLike["host1"]) =>
  placementRecordOf(parseDomain(formatXml(host.domains.requireNamed(vm.name).config ?? expect.unreachable())));

describe("X6: a namesake that runs while the declared VM runs", () => {
  test("does not hinder reading, changing and deleting what the declared VM has", async () => {
    startOther();
    const untouched = changes(lab.host2);
    expect((await vmInterface.read(lab.context(), pair.id, pair.state))?.state).toEqual(pair.state);
    const inputs = { vm: "web", profile: pair.profile, mac: vm.mac };
    const news = { ...inputs, plugged: false };
    expect((await vmInterface.check(lab.context({ command: {} }), news, inputs)).failures).toEqual([]);
    const { state } = await vmInterface.update(lab.context(), pair.id, pair.state, news);
    expect(clusterState(lab)).toMatchObject({ vfs: [] });
    await vmInterface.delete(lab.context(), pair.id, state);
    expect(changes(lab.host2)).toBe(untouched);
  });

  test.each([
    ["a new interface", () => vmInterface.create(lab.context(), { vm: "web", profile: pair.profile })],
    ["a new placement", () => vmPlacement.create(lab.context({ urn }), { vm: "web", host: "host2" })],
    ["an interface of an older version's state", () => vmInterface.read(lab.context(), pair.id, older(pair.state))],
    ["getVmPlacement", () => getVmPlacement.over.libvirt(lab.context(), { vm: "web" })],
    ["recover", () => recover(lab.cluster, "web")],
    ["the repair of VFs", () => plugMissingVfs(lab.cluster, "web", lab.progress)],
  ])("is not told from it by the name alone: %s is refused", async (_, ask) => {
    startOther();
    const untouched = lab.hosts.map(changes);
    await expect(ask()).rejects.toMatchObject({
      problem: {
        code: "vm-name-not-unique",
        what: `Unable to identify VM "web": more than one VM has this name (UUID ${vm.uuid} on "host1", UUID ${other.uuid} on "host2")`,
      },
    });
    expect(lab.hosts.map(changes)).toEqual(untouched);
  });

  test("is refused at preview, too", async () => {
    startOther();
    const reason = expect.stringMatching(/^Unable to identify VM "web": more than one VM has this name/) as string;
    const news = { vm: "web", profile: pair.standbyProfile, mac: "52:54:00:aa:00:77" };
    expect((await vmInterface.check(lab.context(), news)).failures).toEqual([{ property: "vm", reason }]);
    const placement = { vm: "web", host: "host2" };
    expect((await vmPlacement.check(lab.context({ urn, command: {} }), placement)).failures).toEqual([
      { property: "vm", reason },
    ]);
  });

  test("is shown as a VM of its own", async () => {
    startOther();
    const { text } = await status({ cluster: lab.cluster } as never, {});
    expect(text).toMatch(new RegExp(`^web \\(${vm.uuid}\\) +running +host1`, "m"));
    expect(text).toMatch(new RegExp(`^web \\(${other.uuid}\\) +running +host2`, "m"));
    expect(text).toContain('Several VMs have the name "web", so commands that name it are refused');
  });
});

function older<State extends { readonly vmId?: string }>(state: State): State {
  return without(state, "vmId") as State;
}

describe("X6: a VM that was made again under its name", () => {
  test("is told of by a refresh, refused by an update, and left alone by a deletion", async () => {
    const { state } = await placed();
    makeAgain();
    const untouched = lab.hosts.map(changes);
    const missing = [
      `VM "web" with UUID ${vm.uuid}: the VM of that name on "host1" is another VM, with UUID ${other.uuid}`,
    ];
    const nic = await vmInterface.read(lab.context(), pair.id, pair.state);
    expect(nic?.state).toEqual({ ...pair.state, missing });
    const placement = await vmPlacement.read(lab.context({ urn }), "web", state);
    expect(placement?.state).toEqual({ ...state, missing });
    expect(lab.progress.warnings.at(-1)).toMatch(/run pulumi up with --replace and the resource's URN/);
    const news = { vm: "web", profile: pair.profile, mac: vm.mac };
    expect((await vmInterface.diff(lab.context(), pair.id, nic?.state ?? pair.state, news)).changes).toBe(true);
    const refused = { problem: { code: "vm-is-another" } };
    await expect(vmInterface.update(lab.context(), pair.id, pair.state, news)).rejects.toMatchObject(refused);
    for (const host of ["host1", "host2"])
      await expect(vmPlacement.update(lab.context({ urn }), "web", state, { vm: "web", host })).rejects.toMatchObject(
        refused,
      );
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    expect(lab.progress.warnings.at(-1)).toMatch(/^Nothing was deleted\. Unable to find VM "web" with UUID/);
    await vmPlacement.delete(lab.context({ urn }), "web", state);
    expect(lab.hosts.map(changes)).toEqual(untouched);
  });

  test("gets what is declared by a replacement", async () => {
    makeAgain();
    const { id, state } = await vmInterface.create(lab.context(), { vm: "web", profile: pair.profile, mac: vm.mac });
    expect(state).toMatchObject({ vmId: other.uuid, vf: vfs[0], missing: [] });
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    expect((await vmInterface.read(lab.context(), id, state))?.state).toEqual(state);
  });

  test("is not taken for the declared one where a host does not answer that may have that", async () => {
    makeAgain();
    lab.host2.close();
    await expect(vmInterface.read(lab.context(), pair.id, pair.state)).rejects.toMatchObject({
      problem: { code: "host-unreachable" },
    });
  });
});

describe("X6: a VM that got another name", () => {
  test("is told of, keeps what it has, and loses it by a deletion", async () => {
    shutOff();
    const web = lab.host1.domains.requireNamed(vm.name);
    const xml = formatXml(web.config ?? expect.unreachable()).replace("<name>web</name>", "<name>old</name>");
    lab.host1.domains.undefine(web);
    lab.host1.domains.define(xml);
    startOther();
    const untouched = changes(lab.host2);
    const nic = await vmInterface.read(lab.context(), pair.id, pair.state);
    expect(nic?.state.missing).toEqual([
      expect.stringContaining('it is called "old" now, on "host1", and the VM of that name on "host2" is another VM'),
    ]);
    const news = { vm: "web", profile: pair.profile, mac: vm.mac, plugged: false };
    await expect(vmInterface.update(lab.context(), pair.id, pair.state, news)).rejects.toMatchObject({
      problem: { code: "vm-is-another", remedy: expect.stringContaining("Rename it back") as string },
    });
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    expect(formatXml(lab.host1.domains.requireNamed("old").config ?? expect.unreachable())).not.toContain(vm.mac);
    expect(changes(lab.host2)).toBe(untouched);
  });
});

describe("X6: states and records of older versions", () => {
  test("stay readable, and take the UUID with the next read or update", async () => {
    const { state } = await placed();
    const read = await vmInterface.read(lab.context(), pair.id, older(pair.state));
    expect(read?.state).toEqual(pair.state);
    const news = { vm: "web", profile: pair.profile, mac: vm.mac };
    const updated = await vmInterface.update(lab.context(), pair.id, older(pair.state), news);
    expect(updated.state.vmId).toBe(vm.uuid);
    const placement = await vmPlacement.read(lab.context(), "web", older(state));
    expect(placement?.state.vmId).toBe(vm.uuid);
    const moved = await vmPlacement.update(lab.context({ urn }), "web", older(state), { vm: "web", host: "host1" });
    expect(moved.state.vmId).toBe(vm.uuid);
  });
});

test("X6: records that came with a copy of a VM's definition are not the copy's", async () => {
  const { state } = await placed();
  const definition = formatXml(lab.host1.domains.requireNamed(vm.name).config ?? expect.unreachable());
  const copied = { name: "copy", uuid: "99999999-2222-4333-8444-000000000051" };
  const copy = parseDomain(
    definition
      .replace(`<uuid>${vm.uuid}</uuid>`, `<uuid>${copied.uuid}</uuid>`)
      .replace("<name>web</name>", `<name>${copied.name}</name>`),
  );
  const own = parseDomain(definition);
  expect(recordsOf(own)).toHaveLength(1);
  expect(placementRecordOf(own)).toMatchObject({ id: state.claim, vmId: vm.uuid });
  expect(copy).toMatchObject(copied);
  expect(recordsOf(copy)).toEqual([]);
  expect(placementRecordOf(copy)).toBeUndefined();
});

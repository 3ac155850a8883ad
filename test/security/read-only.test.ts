/** A preview with an account that can change nothing: libvirt's read-only connection, which refuses what changes something or tells secrets. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { parseLibvirtUri } from "../../provider/config/host-uri.js";
import { handlersOf } from "./read-only-commands.js";
import { changing } from "../hosts/changing-calls.js";
import { declarePair, type DeclaredPair } from "../hosts/declared.js";
import { domainXml, twoHosts, vm, type LabLike } from "../hosts/two-hosts.js";
import { clusterState } from "../hosts/cluster-state.js";
import { moveVm } from "../../provider/migration/move.js";
import { migrationOptionsSchema } from "../../provider/migration/options.js";

const withPassword = {
  name: "desk",
  uuid: "11111111-2222-4333-8444-0000000000d1",
} as const;
const display = "<graphics type='vnc' port='-1' autoport='yes' passwd='s3cret'/>";

let lab: LabLike;
let pair: DeclaredPair;
beforeEach(async () => {
  lab = await twoHosts({ define: [domainXml(withPassword, display)] });
  pair = await declarePair(lab);
});
afterEach(() => lab.close());

const changesSoFar = () =>
  lab.hosts.map(({ calls }) => [...changing].reduce((sum, procedure) => sum + (calls.get(procedure) ?? 0), 0));

describe("X7: a preview with readOnly", () => {
  const readOnly = () => ({ ...lab.context().config, readOnly: "true" });

  test("looks at everything, and asks for nothing that libvirt refuses to readers", async () => {
    const before = [clusterState(lab), changesSoFar()];
    const refused: string[] = [];
    for (const host of lab.hosts) host.onRefusal = ({ procedure }) => refused.push(procedure);
    for (const [name, ask] of Object.entries(handlersOf(lab, pair, readOnly()).previews))
      expect([name, await ask()], name).toEqual([name, expect.not.objectContaining({ failures: [expect.anything()] })]);
    expect([clusterState(lab), changesSoFar()]).toEqual(before);
    expect(refused).toEqual([]);
  });

  test.each(["move", "unplug", "profile", "recover"] as const)("refuses %s before anything is begun", async (name) => {
    const before = changesSoFar();
    await expect(handlersOf(lab, pair, readOnly()).changes[name]()).rejects.toThrow(
      /nable to change host "?host\d"?: vnic-failover:readOnly is true/,
    );
    expect(changesSoFar()).toEqual(before);
  });

  test("is refused by libvirt itself, too, where only its read-only socket is open", async () => {
    const socket = new URL(lab.configuration.cluster.hosts["host1"]?.uri ?? "").searchParams.get("socket") ?? "";
    await lab.host1.listen(`${socket}-ro`);
    const cluster = new LibvirtCluster(
      parseConfiguration({ cluster: { hosts: { host1: { uri: `qemu+unix:///system?socket=${socket}-ro` } } } }),
    );
    const { host, dom } = await cluster.require(vm.name);
    await expect(host.reset(dom)).rejects.toThrow(/read only access prevents/);
    await expect(host.definitionToChange(dom)).rejects.toThrow(/secure flag/);
    await host.inactiveDomain(dom);
    await cluster.close();
  });
});

describe("X7: passwords in definitions", () => {
  test("come only with a definition that is to be changed", async () => {
    const { host, dom } = await lab.cluster.require(withPassword.name);
    expect(JSON.stringify(await host.inactiveDomain(dom))).not.toContain("s3cret");
    expect(JSON.stringify(await host.definitionToChange(dom))).toContain("s3cret");
  });

  test("are there after a move, and after devices were changed", async () => {
    const web = lab.host1.domains.requireNamed(vm.name);
    web.config = { ...(web.config ?? expect.unreachable()) };
    lab.host1.domains.attach(web, { name: "graphics", attributes: { type: "vnc", passwd: "s3cret" }, children: [] }, 3);
    await moveVm(lab.cluster, {
      vm: vm.name,
      to: "host2",
      options: migrationOptionsSchema.parse({}),
      progress: lab.progress,
      command: "test",
    });
    expect(JSON.stringify(lab.host2.domains.requireNamed(vm.name).config)).toContain("s3cret");
  });
});

describe("the URI of a host that is used for reading", () => {
  const read = (uri: string, user?: string) => parseLibvirtUri(uri, { user });

  test("leads to libvirt's read-only socket, as the account that may read", () => {
    expect(read("qemu+ssh://root@host1/system", "reader")).toMatchObject({
      user: "reader",
      socket: "/var/run/libvirt/libvirt-sock-ro",
      readOnly: true,
    });
    expect(read("qemu+ssh://root@host1/system?mode=direct")).toMatchObject({
      user: "root",
      socket: "/var/run/libvirt/virtqemud-sock-ro",
    });
    expect(read("qemu:///system")).toMatchObject({ socket: "/var/run/libvirt/libvirt-sock-ro" });
    expect(read("qemu:///system?socket=/run/own")).toMatchObject({ socket: "/run/own" });
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmOnSeveralHosts } from "../../../provider/backends/libvirt/cluster.js";
import { HostUnreachable, asUnreachable } from "../../../provider/backends/libvirt/host-errors.js";
import { ConnectionLostError, LibvirtError } from "../../../provider/backends/libvirt/rpc/errors.js";
import { domainXml, twoHosts, type LabLike, vm } from "../../hosts/two-hosts.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

describe("a VM is located", () => {
  it("where it runs", async () => {
    expect((await lab.cluster.locate("web"))?.host.name).toBe("host1");
  });

  it("where it runs, before where it is defined", async () => {
    lab.host2.domains.define(domainXml(vm));
    const { instances } = await lab.cluster.locations("web");
    expect(instances.map(({ host }) => host.name)).toEqual(["host1", "host2"]);
    expect((await lab.cluster.locate("web"))?.host.name).toBe("host1");
  });

  it("nowhere, when every host answers and none has it", async () => {
    expect(await lab.cluster.locate("absent")).toBeUndefined();
    await expect(lab.cluster.require("absent")).rejects.toMatchObject({ problem: { code: "vm-unknown" } });
  });

  it("also while another host is unreachable", async () => {
    lab.host2.close();
    expect((await lab.cluster.locate("web"))?.host.name).toBe("host1");
    expect((await lab.cluster.locations("web")).unreachable.map(({ host }) => host)).toEqual(["host2"]);
  });

  it("not where the host that may have it is unreachable: that is not 'gone'", async () => {
    lab.host1.close();
    await expect(lab.cluster.locate("web")).rejects.toThrow(HostUnreachable);
    await expect(lab.cluster.require("web")).rejects.toThrow(/Unable to reach host "host1"/);
  });

  it("not where its host breaks the connection in the middle", async () => {
    lab.host1.before("domain_lookup_by_name", ({ peer }) => peer.drop());
    await expect(lab.cluster.locate("web")).rejects.toThrow(HostUnreachable);
    // The next call makes a new connection.
    expect((await lab.cluster.locate("web"))?.host.name).toBe("host1");
  });

  it("on no host for sure when it is active on two", async () => {
    lab.host2.domains.start(lab.host2.domains.define(domainXml(vm)));
    await expect(lab.cluster.locate("web")).rejects.toThrow(VmOnSeveralHosts);
    await expect(lab.cluster.locate("web")).rejects.toThrow(/"host1" and "host2"/);
  });
});

describe("hosts", () => {
  it("are known by name", () => {
    expect(lab.cluster.hosts.map(({ name }) => name)).toEqual(["host1", "host2"]);
    expect(() => lab.cluster.host("host3")).toThrow(/Hosts: host1, host2/);
  });

  it("are connected to once, when first needed, and again after a loss", async () => {
    const host = lab.cluster.host("host1");
    expect(lab.host1.callCount).toBe(0);
    await Promise.all([host.domains(), host.domains(), host.findDomain("web")]);
    expect(lab.host1.calls.get("connect_open")).toBe(1);
    lab.host1.dropConnections();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await host.domains();
    expect(lab.host1.calls.get("connect_open")).toBe(2);
  });

  it("tell unreachable hosts from those that refuse", () => {
    const lost = new ConnectionLostError("host1");
    expect(asUnreachable(lost)).toMatchObject({ host: "host1", cause: lost });
    expect(
      asUnreachable(new LibvirtError("x", { code: 1, domain: 0, level: 2, message: "no" }, "host1")),
    ).toBeUndefined();
  });

  it("have no connections left when the cluster is closed", async () => {
    await lab.cluster.locate("web");
    await lab.cluster.close();
    expect(lab.host1.calls.get("connect_close")).toBe(1);
    expect(lab.host2.calls.get("connect_close")).toBe(1);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostUnreachable } from "../../../provider/backends/libvirt/host-errors.js";
import type { ProfileStore } from "../../../provider/backends/libvirt/profile-store.js";
import type { ProfileRecord } from "../../../provider/backends/libvirt/xml/network.js";
import { twoHosts, type LabLike } from "../../hosts/two-hosts.js";
import { Refusal, refusals } from "../../hosts/refusals.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

const profile: ProfileRecord = {
  id: "7282b416-013e-4fe0-8e75-0d942fca86a2",
  name: "data",
  network: "data",
  passThrough: "disabled",
  migratable: false,
  portMirroring: false,
  customProperties: { queues: "4" },
};
const store = () => lab.cluster.profiles;
const namesOn = (host: LabLike["host1"]) => host.networks.all().map(({ name }) => name);

describe("a profile", () => {
  it("is a libvirt network of its name and id on every host", async () => {
    await store().save(profile);
    for (const host of lab.hosts) {
      expect(host.networks.all()).toEqual([{ name: "data", uuid: profile.id }]);
      expect(host.networks.xml({ name: "data", uuid: profile.id })).toContain('<bridge name="br0"/>');
    }
    expect(await store().find(profile.id)).toEqual({ profile, differsOn: [] });
    expect(await store().all()).toEqual([{ profile, differsOn: [] }]);
  });

  it("is changed, and renamed, on every host", async () => {
    await store().save(profile);
    await store().save({ ...profile, description: "new" });
    await store().save({ ...profile, name: "renamed" });
    expect(lab.hosts.map(namesOn)).toEqual([["renamed"], ["renamed"]]);
    expect((await store().find(profile.id))?.profile.name).toBe("renamed");
  });

  it("is gone everywhere after its removal, and removing it again is done", async () => {
    await store().save(profile);
    await store().remove(profile.id);
    await store().remove(profile.id);
    expect(lab.hosts.map(namesOn)).toEqual([[], []]);
    expect(await store().find(profile.id)).toBeUndefined();
  });

  it("differs on hosts that lack it, or have it otherwise", async () => {
    await store().save(profile);
    lab.host2.networks.undefine({ name: "data", uuid: profile.id });
    expect(await store().find(profile.id)).toEqual({ profile, differsOn: ["host2"] });
    await store().save(profile);
    const xml = lab.host2.networks.xml({ name: "data", uuid: profile.id });
    lab.host2.networks.define(xml.replace('migratable="false"', 'migratable="true"'));
    expect(await store().find(profile.id)).toEqual({
      profile,
      differsOn: ["host2"],
      conflict: 'migratable: false on "host1", true on "host2"',
    });
  });

  it("does not take a name that another network has", async () => {
    lab.host2.networks.define("<network><name>data</name><uuid>00000000-0000-4000-8000-0000000000aa</uuid></network>");
    await expect(store().save(profile)).rejects.toMatchObject({ problem: { code: "network-exists", where: "host2" } });
    expect(lab.hosts.map(namesOn)).toEqual([[], ["data"]]);
    expect(await store().all()).toEqual([]);
  });
});

describe("a profile that one host does not take", () => {
  const refusal = new Refusal(38, 19, "Unable to write: No space left on device");

  it("is on none", async () => {
    lab.host2.refuse("network_define_xml_flags", refusal);
    await expect(store().save(profile)).rejects.toThrow(
      /No space left on device.*The hosts that had been updated were restored\.$/,
    );
    expect(lab.hosts.map(namesOn)).toEqual([[], []]);
  });

  it("stays as it was on the others, name and all", async () => {
    await store().save(profile);
    lab.host2.refuse("network_define_xml_flags", refusal);
    await expect(store().save({ ...profile, name: "renamed", description: "new" })).rejects.toThrow(/No space left/);
    expect(await store().find(profile.id)).toEqual({ profile, differsOn: [] });
  });

  it("says on which host it could not be put back", async () => {
    lab.host1.refuse("network_undefine", refusals.noMemory());
    lab.host2.refuse("network_define_xml_flags", refusal);
    await expect(store().save(profile)).rejects.toThrow(
      /No space left on device\. The profile could not be restored on "host1"\. Run pulumi refresh, then pulumi up, in the stack that declares it\.$/,
    );
    expect(lab.hosts.map(namesOn)).toEqual([["data"], []]);
  });

  it("is not touched where its own undefine fails", async () => {
    await store().save(profile);
    lab.host1.refuse("network_undefine", refusals.noMemory());
    await expect(store().save({ ...profile, name: "renamed" })).rejects.toThrow();
    expect(await store().find(profile.id)).toEqual({ profile, differsOn: [] });
  });
});

describe("a host that is unreachable", () => {
  let fresh: ProfileStore;
  beforeEach(async () => {
    await store().save(profile);
    fresh = (await lab.entrance()).cluster.profiles;
    lab.host2.close();
  });

  it("makes the store unknown, not empty", async () => {
    await expect(fresh.all()).rejects.toThrow(HostUnreachable);
    await expect(fresh.find(profile.id)).rejects.toThrow(HostUnreachable);
  });

  it("keeps a profile from being removed on the other", async () => {
    await expect(fresh.remove(profile.id)).rejects.toThrow(HostUnreachable);
    expect(namesOn(lab.host1)).toEqual(["data"]);
  });

  it("is left out when it is saved, and named", async () => {
    const lacking = await fresh.save({ ...profile, description: "new" });
    expect(lacking.map(({ host }) => host)).toEqual(["host2"]);
    expect(lab.host1.networks.xml({ name: "data", uuid: profile.id })).toContain("new");
    const { stored, unreachable } = await fresh.answered();
    expect(stored.map(({ profile: { description } }) => description)).toEqual(["new"]);
    expect(unreachable.map(({ host }) => host)).toEqual(["host2"]);
  });

  it("and goes away while it is written is left out as well", async () => {
    await lab.reopen(lab.host2);
    const other = (await lab.entrance()).cluster.profiles;
    lab.host2.dropAt("network_define_xml_flags", "before");
    const lacking = await other.save({ ...profile, description: "new" });
    expect(lacking.map(({ host }) => host)).toEqual(["host2"]);
    expect((await other.find(profile.id))?.differsOn).toEqual(["host2"]);
  });

  it("does not let one that answers and refuses go unnoticed", async () => {
    lab.host1.refuse("network_define_xml_flags", new Refusal(38, 19, "Unable to write: No space left on device"));
    await expect(fresh.save({ ...profile, description: "new" })).rejects.toThrow(/No space left/);
    expect(lab.host1.networks.xml({ name: "data", uuid: profile.id })).not.toContain("new");
  });

  it("and is the only one is an error", async () => {
    lab.host1.close();
    await expect(fresh.save({ ...profile, description: "new" })).rejects.toThrow(HostUnreachable);
  });
});

/** Profiles and the interface that is a pair of them. */
import { expect } from "vitest";
import { fast, mac, nic, program, standby } from "./declarations.js";
import { expectChanges, expectOutcome, expectRefused, type Difference, type Refusal } from "./outcome.js";
import type { Scenario, Stage } from "./scenario.js";

const declared = program(standby, fast, nic());
const all = (operation: string) => ({ data: operation, "data-vf": operation, nic: operation });

export const pairs: Scenario = {
  claim:
    "a pair is made and stays, is taken out and put back, and leaves nothing; what cannot be is refused at preview",
  program: declared,
  async story(stage) {
    const { stack, reality, here } = stage;
    expectChanges(await stack.preview(), all("create"));
    expect(await reality.traces()).toEqual([]);

    expectChanges(await stack.up(), all("create"));
    await pairIsThere(stage);
    // One MAC, however it is spelled.
    stack.write(declared.replace(mac, mac.toUpperCase().replaceAll(":", "-")));
    expectChanges(await stack.preview(), {});

    for (const [more, refusal] of refusals) {
      stack.write(more(declared));
      expectOutcome(await stack.preview(), "because" in refusal ? here(refusal) : { refused: refusal });
    }

    stack.write(program(standby, fast, nic("plugged: false")));
    expectChanges(await stack.up(), { nic: "update" });
    expect((await reality.vm()).devices).toEqual([]);
    stack.write(declared);
    expectChanges(await stack.up(), { nic: "update" });
    await pairIsThere(stage);

    await keepsProfilesInUse(stage);
    stack.write(declared);
    expectChanges(await stack.up(), {});
    const destroyed = await stack.destroy();
    expectChanges(destroyed, all("delete"));
    expect(destroyed.steps.map(({ name }) => name)).toEqual(["nic", "data-vf", "data"]);
    expect(await reality.traces()).toEqual([]);
  },
};

const with_ = (declaration: string) => (text: string) => `${text}\n${declaration}`;

/** What a program that is changed so is refused for, while the pair stands. */
const refusals: readonly (readonly [(text: string) => string, Refusal | Difference])[] = [
  [
    (text) => text.replace('{ network: "data" }', '{ network: "data", description: "changed" }'),
    { resource: "data", property: "description", words: /acts as failover of "data-vf"/ },
  ],
  [
    (text) => text.replace('{ network: "data" }', '{ network: "data2" }'),
    {
      because:
        "with libvirt a standby's profile is known by the profile whose failover it is; the engine also refuses by the VM's NIC",
      libvirt: { refused: { resource: "data", property: "network", words: /acts as failover of "data-vf"/ } },
      ovirt: {
        refused: {
          resource: "data",
          property: "network",
          words: /Profile "data" is the profile of the standby in 1 VM, "web"/,
        },
      },
    },
  ],
  [
    with_('new VmInterface("nic2", { vm: "web", profile: fast });'),
    { resource: "nic2", property: "profile", words: /have the same failover "data"/ },
  ],
  [
    with_('new VnicProfile("again", { name: "data", network: "data" });'),
    { resource: "again", property: "name", words: /already has a profile "data"/ },
  ],
];

async function pairIsThere({ reality }: Stage): Promise<void> {
  expect(await reality.vm()).toMatchObject({
    host: "host1",
    devices: [
      { kind: "bridge", mac },
      { kind: "hostdev", mac },
    ],
  });
}

/** The program goes on with the interface, and lets its profiles go. */
async function keepsProfilesInUse({ stack, reality }: Stage): Promise<void> {
  const profile = (await reality.profiles()).find(({ name }) => name === "data-vf");
  stack.write(program(nic().replace("profile: fast", `profile: "${profile?.id ?? ""}"`)));
  const kept = await stack.up();
  expectRefused(kept, { resource: "data-vf", words: /used by 1 VM, "web"/ });
  expect((await reality.profiles()).map(({ name }) => name).sort()).toEqual(["data", "data-vf"]);
}

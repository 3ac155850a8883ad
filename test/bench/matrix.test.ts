import { describe, expect, it } from "vitest";
import { batchesOf, guestKinds, guestNames, settingsOf } from "./matrix.js";

describe("the settings of a run", () => {
  it("have each guest, near and far hosts and both topologies without options", () => {
    const settings = settingsOf({});
    expect(new Set(settings.map(({ guest }) => guest))).toEqual(new Set(guestNames));
    expect(new Set(settings.map(({ rttMs }) => rttMs))).toEqual(new Set([0, 80]));
    expect(new Set(settings.map(({ topology }) => topology))).toEqual(new Set(["separate", "shared"]));
  });

  it("is one where each option names one", () => {
    expect(settingsOf({ topology: ["shared"], guest: ["receives"], rtt: [80] })).toEqual([
      { topology: "shared", guest: "receives", rttMs: 80 },
    ]);
  });

  it("are all combinations of what is named, of a quiet guest on near hosts where nothing is", () => {
    expect(settingsOf({ topology: ["separate"] })).toEqual([{ topology: "separate", guest: "quiet", rttMs: 0 }]);
    expect(settingsOf({ rtt: [0, 80] })).toEqual([
      { topology: "separate", guest: "quiet", rttMs: 0 },
      { topology: "separate", guest: "quiet", rttMs: 80 },
      { topology: "shared", guest: "quiet", rttMs: 0 },
      { topology: "shared", guest: "quiet", rttMs: 80 },
    ]);
  });
});

describe("the batches of a run", () => {
  it("start a guest again only where its memory or the topology differs, and have every setting once", () => {
    const settings = settingsOf({});
    const batches = batchesOf(settings);
    expect(batches.map(({ topology, memory }) => `${topology} ${memory}`)).toEqual([
      "separate 256",
      "separate 2048",
      "shared 256",
    ]);
    const all = batches.flatMap((batch) => batch.settings);
    expect(new Set(all)).toEqual(new Set(settings));
    expect(all).toHaveLength(settings.length);
    for (const { memory, topology, settings: of } of batches)
      for (const setting of of) {
        expect(guestKinds[setting.guest].memory).toBe(memory);
        expect(setting.topology).toBe(topology);
      }
  });
});

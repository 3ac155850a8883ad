import { describe, expect, it } from "vitest";
import { guestDomain } from "./guest.js";
import { guestNamed } from "./layout.js";

describe("a guest's domain", () => {
  it("has 256 MiB and obeys no peer", () => {
    const xml = guestDomain(guestNamed("web"));
    expect(xml).toContain("<memory unit='MiB'>256</memory>");
    expect(xml).not.toContain("lab.obeys");
  });

  it("has the memory that is wanted, and obeys the peer where it is told to", () => {
    const xml = guestDomain(guestNamed("web"), { memory: 2048, obeysPeer: true });
    expect(xml).toContain("<memory unit='MiB'>2048</memory>");
    expect(xml).toMatch(/lab\.ip=\S+ lab\.obeys<\/cmdline>/);
  });
});

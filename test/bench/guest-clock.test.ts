import { describe, expect, it } from "vitest";
import { secondsBetween } from "./guest-clock.js";

describe("the time between two moments of the guest's kernel log", () => {
  it("counts what the guest stood still for, which its clock does not", () => {
    const around = [
      { ours: 1_795_806_000, guests: 40 },
      { ours: 1_795_806_031.25, guests: 70 },
    ] as const;
    expect(secondsBetween(46, 51.5, around)).toBe(6.75);
  });

  it("is what the log says where the guest did not stand still, as exactly as the clocks are read", () => {
    const around = [
      { ours: 100, guests: 40 },
      { ours: 130, guests: 70.02 },
    ] as const;
    expect(secondsBetween(46, 51.5, around)).toBe(5.5);
  });
});

import { describe, expect, it } from "vitest";
import { cpuSecondsBetween, parseCpuSeconds } from "./host-cpu.js";

describe("a host's CPU time", () => {
  it("is what it worked for itself: without idling and waiting, and without what guests ran", () => {
    //                        user nice system idle iowait irq softirq steal guest guest_nice
    expect(parseCpuSeconds("cpu  1000 200 300 99999 5000 10 20 7777 400 100")).toBe(10.3);
  });

  it("is read of the line of all processors only", () => {
    expect(parseCpuSeconds("cpu0 1000 200 300 99999 5000 10 20 0 400 100")).toBeUndefined();
    expect(parseCpuSeconds("intr 12345")).toBeUndefined();
    expect(parseCpuSeconds("cpu  1000 200")).toBeUndefined();
  });
});

describe("CPU seconds between two moments", () => {
  const samples = [
    { at: 1000, seconds: 5 },
    { at: 1200, seconds: 5.1 },
    { at: 1400, seconds: 5.3 },
  ];

  it("are interpolated", () => {
    expect(cpuSecondsBetween(samples, 1100, 1300)).toBeCloseTo(0.15);
    expect(cpuSecondsBetween(samples, 1000, 1400)).toBeCloseTo(0.3);
  });

  it("are unknown where no sample reaches so far", () => {
    expect(cpuSecondsBetween(samples, 900, 1300)).toBeNaN();
    expect(cpuSecondsBetween(samples, 1100, 1500)).toBeNaN();
    expect(cpuSecondsBetween([], 1100, 1500)).toBeNaN();
  });
});

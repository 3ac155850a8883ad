import { describe, expect, it } from "vitest";
import { delayCommand, longestRoundTrip } from "./round-trip.js";
import { hosts } from "./layout.js";

describe("a host that is far from the client", () => {
  it("delays what it sends to the client by the whole round trip, and nothing to the other host", () => {
    const command = delayCommand(80);
    expect(command).toContain("parent 1:4 handle 40: netem delay 80ms");
    expect(command).toContain("match ip dst 10.77.0.1/32 flowid 1:4");
    for (const { address } of hosts) expect(command).not.toContain(address);
    // prio's own map leads to the first three bands.
    expect(command).toContain("prio bands 4");
  });

  it("is set again where it was far already, and near by 0", () => {
    expect(delayCommand(80)).toMatch(/^tc qdisc del dev mgmt0 root/);
    expect(delayCommand(0)).toMatch(/^tc qdisc del dev mgmt0 root .*; true$/);
    expect(delayCommand(0)).not.toContain("netem");
  });

  it.each([-1, NaN, longestRoundTrip + 1])("is not %s ms away", (milliseconds) => {
    expect(() => delayCommand(milliseconds)).toThrow(RangeError);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PhysicalFunction, VirtualFunction } from "../../../provider/backends/libvirt/inventory.js";
import { isFree, isReserved } from "../../../provider/backends/libvirt/inventory.js";
import { chooseVf, chooseVfs } from "../../../provider/backends/libvirt/vf-scheduler.js";
import { evaluate, placementRules } from "../../../provider/rules/index.js";
import { samePciAddress } from "../../../provider/backends/libvirt/xml/pci-address.js";

const address = (bus: number, number: number) => ({ domain: 0, bus, slot: 16, function: number });

function vf(bus: number, number: number, parts: Partial<VirtualFunction> = {}): VirtualFunction {
  return { address: address(bus, number), driver: "igbvf", sharesIommuGroup: false, usedBy: undefined, ...parts };
}

function pf(bus: number, parts: Partial<PhysicalFunction> = {}): PhysicalFunction {
  return {
    name: `pf${bus}`,
    address: { domain: 0, bus, slot: 0, function: 0 },
    linkUp: true,
    virtualFunctions: [vf(bus, 0), vf(bus, 2)],
    ...parts,
  };
}

describe("a VF is chosen", () => {
  it("first of the first PF", () => {
    expect(chooseVf([pf(1), pf(2)])).toEqual({ physicalFunction: "pf1", address: address(1, 0) });
  });

  it.each([
    ["in a domain's definition", { usedBy: "other" }],
    ["reserved for another VM", { driver: "vfio-pci", reservedFor: "other" }],
    ["used by the host", { hostUse: "its netdev eth2v0 is up" }],
    ["in one IOMMU group with another device", { sharesIommuGroup: true }],
  ])("not one that is %s", (_, parts) => {
    expect(chooseVf([pf(1, { virtualFunctions: [vf(1, 0, parts), vf(1, 2)] })])?.address).toEqual(address(1, 2));
    expect(chooseVf([pf(1, { virtualFunctions: [vf(1, 0, parts)] })])).toBeUndefined();
  });

  it("not of a PF whose link is down", () => {
    expect(chooseVf([pf(1, { linkUp: false }), pf(2)])?.physicalFunction).toBe("pf2");
  });

  it.each([undefined, "vfio-pci", "mlx5_vfio_pci"])("also one that was bound to %s at boot", (driver) => {
    expect(chooseVf([pf(1, { virtualFunctions: [vf(1, 0, { driver })] })])).toBeDefined();
  });

  it("never one that is not free or is promised already, and always one if there is one", () => {
    const any = fc.record({
      driver: fc.constantFrom("igbvf", "vfio-pci", undefined),
      sharesIommuGroup: fc.boolean(),
      usedBy: fc.constantFrom(undefined, "other"),
      reservedFor: fc.constantFrom(undefined, "other"),
      hostUse: fc.constantFrom(undefined, "its netdev is up"),
    });
    const functions = fc
      .array(fc.tuple(fc.boolean(), fc.array(any, { maxLength: 4 })), { maxLength: 3 })
      .map((found) =>
        found.map(([linkUp, vfs], bus) =>
          pf(bus, { linkUp, virtualFunctions: vfs.map((parts, number) => vf(bus, number, parts)) }),
        ),
      );
    fc.assert(
      fc.property(functions, fc.array(fc.tuple(fc.nat(2), fc.nat(3))), (found, promised) => {
        const taken = promised.map(([bus, number]) => address(bus, number));
        const fit = found
          .filter(({ linkUp }) => linkUp)
          .flatMap(({ virtualFunctions }) => virtualFunctions)
          .filter((each) => (each.usedBy ?? each.reservedFor ?? each.hostUse) === undefined && !each.sharesIommuGroup)
          .filter((each) => !taken.some((other) => samePciAddress(other, each.address)));
        expect(chooseVf(found, taken)?.address).toEqual(fit[0]?.address);
      }),
    );
  });

  it("free and reserved exclude each other", () => {
    expect(
      [
        vf(1, 0, { driver: "vfio-pci" }),
        vf(1, 0, { driver: "vfio-pci", reservedFor: "web" }),
        vf(1, 0, { usedBy: "web", driver: "vfio-pci" }),
      ].map((each) => [isFree(each), isReserved(each)]),
    ).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
  });
});

describe("VFs for several interfaces", () => {
  const names = ["pf0", "pf1", "pf2"];
  /** Networks that share PFs, and interfaces on them. */
  const sharing = fc.record({
    functions: fc.tuple(
      ...names.map((_, bus) =>
        fc
          .record({ linkUp: fc.boolean(), vfs: fc.array(fc.constantFrom(undefined, "other"), { maxLength: 3 }) })
          .map(({ linkUp, vfs }) =>
            pf(bus, { linkUp, virtualFunctions: vfs.map((usedBy, number) => vf(bus, number, { usedBy })) }),
          ),
      ),
    ),
    networks: fc.array(fc.uniqueArray(fc.nat(2), { minLength: 1 }), { minLength: 1, maxLength: 3 }),
    interfaces: fc.array(fc.nat(2), { maxLength: 5 }),
  });

  it("are all there whenever the rule move-free-vfs sees enough, and each is another one", () => {
    fc.assert(
      fc.property(sharing, ({ functions, networks, interfaces }) => {
        const network = (index: number) =>
          (networks[index % networks.length] ?? []).flatMap((at) => functions[at] ?? []);
        const chosen = chooseVfs(interfaces.map(network));
        const violated = evaluate(placementRules, {
          vm: {
            name: "web",
            interfaces: interfaces.map((at, index) => ({ name: `nic${index}`, vfNetwork: `n${at}` })),
          },
          destination: {
            name: "host2",
            networks: [0, 1, 2].map((at) => ({
              name: `n${at}`,
              physicalFunctions: network(at).map(({ name, linkUp, virtualFunctions }) => ({
                name,
                up: linkUp,
                freeVfs: virtualFunctions.filter(isFree).length,
              })),
            })),
          },
        });
        // A network of which no PF is up is another rule's.
        const reachable = interfaces.filter((at) => network(at).some(({ linkUp }) => linkUp)).length;
        const found = chosen.filter((each) => each !== undefined);
        if (!violated.some(({ rule }) => rule === "move-free-vfs")) expect(found).toHaveLength(reachable);
        else expect(found.length).toBeLessThan(reachable);
        expect(new Set(found.map((each) => JSON.stringify(each.address))).size).toBe(found.length);
      }),
    );
  });

  it("leave the PF that one of them needs to that one", () => {
    const both = [pf(0, { virtualFunctions: [vf(0, 0)] }), pf(1, { virtualFunctions: [vf(1, 0)] })];
    expect(chooseVfs([both, both.slice(0, 1)]).map((each) => each?.physicalFunction)).toEqual(["pf1", "pf0"]);
  });
});

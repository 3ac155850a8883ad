import { beforeEach, describe, expect, test, vi } from "vitest";
import { plan } from "../../../../provider/cli/commands/libvirt/plan.js";
import { planMove, type MovePlan } from "../../../../provider/migration/plan.js";
import { parsePciAddress } from "../../../../provider/backends/libvirt/xml/pci-address.js";
import { contextWith } from "../../command-context.js";

vi.mock(import("../../../../provider/migration/plan.js"), async (original) => ({
  ...(await original()),
  planMove: vi.fn(),
}));

const address = (text: string) => parsePciAddress(text) ?? expect.fail(`${text} is no address`);

const nic = {
  mac: "52:54:00:aa:00:50",
  primaryAlias: "ua-vf",
  standbyAlias: "ua-standby",
  network: "data-vf",
  standbyNetwork: "data",
  sourceVf: address("0000:01:10.0"),
  destinationVf: address("0000:01:10.2"),
};
const good: MovePlan = {
  vm: "web",
  from: "host1",
  to: "host2",
  alreadyThere: false,
  findings: [],
  interfaces: [nic],
  journal: undefined,
  instance: {} as NonNullable<MovePlan["instance"]>,
  unplug: { when: "early", why: "that is best" },
};
const warning = { rule: "w", severity: "warning", message: "No agent.", remedy: "Install it." } as const;
const error = { rule: "e", severity: "error", message: "No bridge.", remedy: "Add it." } as const;

const planned = (over: Partial<MovePlan>) => {
  vi.mocked(planMove).mockResolvedValue({ ...good, ...over });
  return plan(contextWith(), { vm: "web", to: "host2" });
};

beforeEach(() => {
  vi.mocked(planMove).mockReset();
});

describe("plan", () => {
  test("shows each VF and what would be done", async () => {
    const { outcome, text, document } = await planned({});
    expect(outcome).toBe("ok");
    expect(text).toMatch(/52:54:00:aa:00:50 +data +data-vf +0000:01:10\.0 +0000:01:10\.2/);
    expect(text).toMatch(/unplug.*migrate.*plug.*The move is possible\.$/s);
    expect(document).toMatchObject({
      refused: false,
      interfaces: [{ vfBefore: "0000:01:10.0", vfAfter: "0000:01:10.2" }],
      unplug: { when: "early", why: "that is best" },
    });
    expect(text).toContain("The VF leaves the guest before the migration: that is best.");
  });

  test("a warning does not refuse, an error does and comes first", async () => {
    expect((await planned({ findings: [warning] })).outcome).toBe("ok");
    const { outcome, text, document } = await planned({ findings: [warning, error] });
    expect(outcome).toBe("refused");
    expect(text).toContain("error: No bridge.\n  Add it.\nwarning: No agent.\n  Install it.");
    expect(text).not.toContain("What would be done");
    expect(document).toMatchObject({ refused: true, findings: [warning, error], steps: [] });
  });

  test("a VF without place refuses, and so does a VM that no host has", async () => {
    const { outcome, text } = await planned({ interfaces: [{ ...nic, destinationVf: undefined }] });
    expect(outcome).toBe("refused");
    expect(text).toContain("none free");
    expect((await planned({ instance: undefined, from: undefined })).outcome).toBe("refused");
  });

  test("a VM that is there already needs no VF", async () => {
    const { outcome, text } = await planned({ alreadyThere: true, interfaces: [{ ...nic, destinationVf: undefined }] });
    expect(outcome).toBe("ok");
    expect(text).toBe('Nothing to do: VM "web" is already on "host2".');
  });
});

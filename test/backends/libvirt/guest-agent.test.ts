/** What a guest's agent tells, and that one that does not is no reason for anything. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { guestSystem } from "../../../provider/backends/libvirt/guest-agent.js";
import { gatherFacts } from "../../../provider/migration/facts.js";
import { planMove } from "../../../provider/migration/plan.js";
import { declarePair } from "../../hosts/declared.js";
import { withAgent } from "../../hosts/guest-agent.js";
import { twoHosts, type LabLike } from "../../hosts/two-hosts.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
  await declarePair(lab);
});
afterEach(() => lab.close());

const web = () => lab.host1.domains.requireNamed("web");
const guest = async () => (await gatherFacts(lab.cluster, "web", "host2")).facts.vm.guest;
const asked = () => lab.host1.calls.get("domain_get_guest_info") ?? 0;
const card = (id: object, version: string) => ({ "driver-version": version, ...id });
const virtioNet = { type: "pci", "vendor-id": 0x1af4, "device-id": 0x1000 };

it.each([
  ["Linux", { os: "debian", kernel: "6.1.0-13-amd64" }, { os: "linux", kernel: "6.1.0-13-amd64" }],
  ["FreeBSD, whose kernels have other numbers", { os: "freebsd", kernel: "3.0-RELEASE" }, { os: "other" }],
  [
    "Windows",
    { os: "mswindows", kernel: "17763", devices: [card({ id: virtioNet }, "100.85.104.18900")] },
    { os: "windows", virtioDrivers: "0.1.189" },
  ],
  [
    "Windows with an agent before 5.2",
    { os: "mswindows", kernel: "17763", devices: [card({ address: { data: virtioNet } }, "62.77.104.17100")] },
    { os: "windows", virtioDrivers: "0.1.171" },
  ],
  [
    "Windows with another card's driver only",
    {
      os: "mswindows",
      kernel: "17763",
      devices: [card({ id: { ...virtioNet, "device-id": 0x1001 } }, "100.77.104.17100")],
    },
    { os: "windows" },
  ],
  ["Windows whose agent does not know its devices", { os: "mswindows", kernel: "17763" }, { os: "windows" }],
])("tells of %s", async (_, agent, facts) => {
  withAgent(web(), "connected");
  lab.host1.agent = { answers: true, ...agent };
  expect(await guest()).toEqual({ agent: true, ...facts });
});

it("is not asked where the VM has no channel to one, or no program in the guest has opened it", async () => {
  expect(await guest()).toBeUndefined();
  withAgent(web(), "disconnected");
  expect(await guest()).toEqual({ agent: false });
  expect(asked()).toBe(0);
});

it("that does not answer makes the guest unknown, which raises nothing", async () => {
  withAgent(web(), "connected");
  lab.host1.agent = { ...lab.host1.agent, answers: false };
  expect(await guest()).toBeUndefined();
  expect((await planMove(lab.cluster, "web", "host2")).findings).toEqual([]);
  expect(asked()).toBe(2);
});

it("is waited for so long and no longer, and its host goes on being asked", async () => {
  withAgent(web(), "connected");
  lab.host1.before("domain_get_guest_info", () => new Promise<void>(() => undefined));
  const host = lab.cluster.host("host1");
  const dom = (await host.findDomain("web")) ?? expect.fail("there is no web");
  expect(await guestSystem(host, dom, 50)).toBeUndefined();
  expect(await guestSystem(host, dom, 5000)).toMatchObject({ os: "linux" });
});

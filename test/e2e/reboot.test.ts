/** A host loses its power: its VMs start again by themselves, with their VFs. */
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { guestShows, powerOff, powerOn, requireLab, reset, type LabState } from "../lab/lab.js";
import { guestNamed, hostNamed, type LabHost } from "../lab/layout.js";
import { ssh } from "../lab/ssh.js";
import { withStack } from "../pulumi/stack.js";
import { bothEnslaved, domainXml, labSkipped, stackConfig, traces } from "./lab.js";

const web = guestNamed("web");
const [host1, host2] = [hostNamed("host1"), hostNamed("host2")];

const program = (host: string) => `
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", { network: "data-vf", passThrough: "enabled", migratable: true, failover: standby });
const nic = new VmInterface("nic", { vm: "web", profile: fast, mac: "${web.mac}" });
new VmPlacement("place", { vm: "web", host: "${host}" }, { dependsOn: nic });
`;

describe.skipIf(labSkipped !== undefined)("after a host's reboot", () => {
  let lab: LabState;

  beforeEach(async () => {
    lab = requireLab();
    await reset(lab, web);
  });
  afterAll(async () => {
    for (const host of [host1, host2]) await powerOn(lab, host);
  });

  test("a VM that was moved there starts by itself with its VF, and the stack has nothing to do", async () => {
    await virsh(host1, "autostart web");
    await withStack({ program: program("host1"), config: stackConfig(lab) }, async (stack) => {
      const made = await stack.up();
      expect(made.exitCode, made.text).toBe(0);
      await guestShows(lab, web, host1, bothEnslaved);
      stack.write(program("host2"));
      const moved = await stack.up();
      expect(moved.exitCode, moved.text).toBe(0);
      await guestShows(lab, web, host2, bothEnslaved);
      // It would start on both, on the same disk.
      expect(await virsh(host1, "list --all --name")).not.toContain("web");

      await ssh(lab.image, host2, "sync");
      await powerOff(host2);
      await powerOn(lab, host2);
      await expect.poll(() => virsh(host2, "domstate web"), { timeout: 120_000 }).toContain("running");
      await guestShows(lab, web, host2, bothEnslaved, 240);
      expect(vfsOf(await domainXml(lab, host2, "web"))).toEqual(
        vfsOf(await domainXml(lab, host2, "web", "--inactive")),
      );

      await stack.pulumi("preview", "--refresh", "--expect-no-changes");
      const gone = await stack.destroy();
      expect(gone.exitCode, gone.text).toBe(0);
    });
    expect(await traces(lab)).toEqual([]);
  }, 900_000);

  async function virsh(host: LabHost, command: string): Promise<string> {
    return (await ssh(lab.image, host, `virsh -q ${command}`, { accept: [0, 1] })).stdout;
  }
});

/** The host addresses of a domain's VFs. */
function vfsOf(xml: string): readonly string[] {
  return [...xml.matchAll(/<interface type='hostdev'[\s\S]*?<source>\s*<address type='pci' ([^>]*)\/>/g)].map(
    ([, address = ""]) => address,
  );
}

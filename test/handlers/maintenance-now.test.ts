/** Whether a host is under maintenance, as a refresh has to know it: the engine hands it the configuration of the last `up`. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isUnderMaintenanceNow } from "../../provider/handlers/maintenance-now.js";
import { recordedProgress } from "../hosts/two-hosts.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "project-"));
});
afterEach(() => rm(folder, { recursive: true }));

const uri = "qemu+unix:///system";
const cluster = (maintenance?: boolean) => ({
  hosts: { host3: { uri, maintenance }, host4: { uri: "qemu+unix:///system?socket=/other" } },
});

/** With the configuration of the last `up`, in a folder below the project's. */
async function asked(given: boolean, { urn = true, host = "host3", below = "src" } = {}): Promise<boolean> {
  await mkdir(join(folder, below), { recursive: true });
  const ctx = {
    config: { cluster: JSON.stringify(cluster(given)) },
    progress: recordedProgress(),
    ...(urn && { urn: "urn:pulumi:prod::net::pulumi-nodejs:dynamic/vnic-failover:VmPlacement::web" }),
  };
  return isUnderMaintenanceNow(ctx, host, join(folder, below));
}

async function writeStack(value: unknown, project = "name: net\n", file = "Pulumi.prod.yaml"): Promise<void> {
  await writeFile(join(folder, "Pulumi.yaml"), project);
  await writeFile(join(folder, file), JSON.stringify({ config: { "vnic-failover:cluster": value } }));
}

describe("a host's maintenance at a refresh", () => {
  it.each([
    ["an object", (maintenance: boolean | undefined) => cluster(maintenance)],
    ["JSON text", (maintenance: boolean | undefined) => JSON.stringify(cluster(maintenance))],
  ])("is what the stack's file says now, as %s", async (_, written) => {
    await writeStack(written(true));
    expect(await asked(false)).toBe(true);
    await writeStack(written(undefined));
    expect(await asked(true)).toBe(false);
  });

  it("is found where Pulumi.yaml says that stacks are kept", async () => {
    await mkdir(join(folder, "stacks"));
    await writeStack(cluster(true), "name: net\nstackConfigDir: stacks\n", join("stacks", "Pulumi.prod.yaml"));
    expect(await asked(false)).toBe(true);
  });

  it("is what the engine says where the file has another cluster, none, or is none", async () => {
    for (const given of [true, false]) {
      await writeStack({ hosts: { host3: { uri: "qemu:///other", maintenance: !given } } });
      expect(await asked(given)).toBe(given);
      await writeStack({ secure: "v1:abc" });
      expect(await asked(given)).toBe(given);
      await writeStack("{");
      expect(await asked(given)).toBe(given);
      await writeFile(join(folder, "Pulumi.prod.yaml"), "a: [");
      expect(await asked(given)).toBe(given);
      await rm(join(folder, "Pulumi.prod.yaml"));
      expect(await asked(given)).toBe(given);
    }
  });

  it("is what the engine says where the stack is not known, and false for no host", async () => {
    await writeStack(cluster(true));
    expect(await asked(false, { urn: false })).toBe(false);
    expect(await asked(true, { urn: false })).toBe(true);
    expect(await asked(true, { host: "host9" })).toBe(false);
  });
});

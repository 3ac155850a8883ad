/** The hosts' process, seen from outside. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterConfig } from "../../provider/config/index.js";
import { fleetNetworks } from "../hosts/fleet.js";
import type { Calls } from "./host-server.js";

export interface HostProcess {
  readonly cluster: Pick<ClusterConfig, "hosts" | "networks">;
  /** The calls since the last time that it was asked. */
  calls(): Promise<Calls>;
}

/** Starts hosts with so many VMs, each of whose answers takes `roundTrip` ms, for as long as `act` lasts. */
export async function withHosts<T>(
  { vms, roundTrip, furnished = false }: { vms: number; roundTrip: number; furnished?: boolean },
  act: (hosts: HostProcess) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-hosts-"));
  const args = [String(vms), String(roundTrip), folder, ...(furnished ? ["furnished"] : [])];
  const child = fork(join(import.meta.dirname, "host-server.ts"), args, {
    execArgv: ["--import", "tsx"],
  });
  try {
    const { hosts } = await answer<{ hosts: readonly string[] }>(child);
    const cluster = {
      hosts: Object.fromEntries(
        hosts.map((name) => [name, { uri: `qemu+unix:///system?socket=${join(folder, name)}` }]),
      ),
      networks: fleetNetworks,
    };
    return await act({
      cluster,
      calls() {
        child.send("calls");
        return answer<Calls>(child);
      },
    });
  } finally {
    child.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const gone = new AbortController();
  const died = () => gone.abort(new Error("The hosts' process has ended."));
  child.once("exit", died);
  try {
    const [message] = (await once(child, "message", { signal: gone.signal })) as [T];
    return message;
  } finally {
    child.off("exit", died);
  }
}

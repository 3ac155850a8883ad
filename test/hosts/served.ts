/** A scenario's hosts at sockets of their own, with the files that tell of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfiguration } from "../../provider/config/index.js";
import { writeWhole } from "./atomic-file.js";
import type { Scenario } from "./scenario.js";
import { hostsOf } from "./scenario-hosts.js";
import { stateWatch } from "./state.js";

export interface Files {
  /** Where the cluster's configuration goes, once the hosts answer. */
  readonly config: string;
  /** Where the state goes after each change. */
  readonly state?: string | undefined;
}

export interface ServedHosts {
  readonly names: readonly string[];
  /** Ends the hosts, and removes what tells of them, but for their state. */
  close(): void;
}

/**
 * @param failed is called when a file cannot be written later on.
 * @throws ScenarioError, ConfigError, or an error of the file system: nothing is left of it.
 */
export async function serveHosts(
  scenario: Scenario,
  files: Files,
  failed: (error: unknown) => void,
): Promise<ServedHosts> {
  const { networks, hosts, unreachable } = hostsOf(scenario);
  const folder = mkdtempSync(join(tmpdir(), "hosts-"));
  const close = () => {
    for (const host of hosts) {
      host.onSettled = () => undefined;
      host.close();
    }
    rmSync(files.config, { force: true });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    // Of an earlier run: a program that waits for the file would find sockets that are gone.
    rmSync(files.config, { force: true });
    const sockets = hosts.map((_, index) => socketIn(folder, index));
    const cluster = {
      hosts: Object.fromEntries(
        hosts.map(({ name }, index) => [name, { uri: `qemu+unix:///system?socket=${inUri(sockets[index] ?? "")}` }]),
      ),
      networks,
    };
    parseConfiguration({ cluster });

    const { state } = files;
    if (state !== undefined) {
      const watched = hosts.map((host) => ({ host, listens: !unreachable.has(host) }));
      const look = stateWatch(watched, (now) => writeWhole(state, `${JSON.stringify(now, undefined, 2)}\n`));
      look();
      for (const host of hosts) host.onSettled = () => attempt(look, failed);
    }
    await Promise.all(
      hosts.map(async (host, index) => {
        if (!unreachable.has(host)) await host.listen(sockets[index] ?? "");
      }),
    );
    writeWhole(files.config, `${JSON.stringify(cluster, undefined, 2)}\n`);
    return { names: hosts.map(({ name }) => name), close };
  } catch (error) {
    close();
    throw error;
  }
}

function inUri(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Linux takes 107 bytes for the path of a socket (unix(7)); a host's name may have 63. */
const longestPath = 107;

function socketIn(folder: string, index: number): string {
  const path = join(folder, String(index + 1));
  if (Buffer.byteLength(path) > longestPath)
    throw new Error(
      `The path of a socket would be longer than ${longestPath} bytes: ${path}. Set TMPDIR to a shorter folder.`,
    );
  return path;
}

function attempt(act: () => void, failed: (error: unknown) => void): void {
  try {
    act();
  } catch (error) {
    failed(error);
  }
}

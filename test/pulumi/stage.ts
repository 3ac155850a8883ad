/** Stories of either face under the real engine, each on two hosts in this process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withTwoHosts, type HostsOptions, type LabLike } from "../hosts/two-hosts.js";
import { installPlugin } from "./faces.js";
import type { Sdk } from "./package.js";
import { withStack, type TestStack } from "./stack.js";

export interface Play {
  readonly program: string;
  readonly sdk?: Sdk;
  /** Of the program itself, without namespace. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether the stack's configuration names the cluster, by default, or the program gets it as `test:cluster`. */
  readonly configured?: boolean;
  readonly lab?: HostsOptions;
}

/** One plugin's installation for all stories of a file. */
export class Stage {
  #home = "";
  #path = "";

  async open(): Promise<void> {
    this.#home = mkdtempSync(join(tmpdir(), "vnic-failover-stage-"));
    this.#path = await installPlugin(this.#home);
  }

  close(): void {
    rmSync(this.#home, { recursive: true });
  }

  async play(
    { program, sdk = "pinned", config = {}, configured = true, lab: options }: Play,
    story: (stack: TestStack, lab: LabLike) => Promise<void>,
  ): Promise<void> {
    await withTwoHosts(options ?? {}, async (lab) => {
      const cluster = JSON.parse(lab.stackConfig.cluster ?? "") as object;
      const own = Object.entries({ host: "host1", ...config }).map(([key, value]) => [`test:${key}`, value] as const);
      const settings = {
        ...Object.fromEntries(own),
        [configured ? "vnic-failover:cluster" : "test:cluster"]: cluster,
      };
      const env = { PATH: this.#path, VNIC_FAILOVER_REPORTS: join(this.#home, "reports") };
      await withStack({ program, sdk, config: settings, env }, (stack) => story(stack, lab));
    });
  }
}

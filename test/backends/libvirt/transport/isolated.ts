/** What is around each test of SSH: no agent and no keys of the account that runs the tests, and servers that end with it. */
import { afterEach, beforeEach, vi } from "vitest";
import { scratch } from "./keys.js";
import { SshServer, type SshServerOptions } from "./ssh-server.js";

export interface IsolatedSsh {
  /** Is done when the test ends, the last one first. */
  atEnd(act: () => unknown): void;
  /** A server that ends with the test. */
  start(options: SshServerOptions): Promise<SshServer>;
}

/** To be called where the tests are described. */
export function isolatedSsh(): IsolatedSsh {
  const ends: (() => unknown)[] = [];
  beforeEach(() => {
    vi.stubEnv("SSH_AUTH_SOCK", "");
    vi.stubEnv("HOME", scratch());
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    vi.unstubAllEnvs();
  });
  const atEnd = (act: () => unknown) => void ends.push(act);
  return {
    atEnd,
    async start(options) {
      const server = await SshServer.start(options);
      atEnd(() => server.stop());
      return server;
    },
  };
}

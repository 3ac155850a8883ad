import { execFileSync, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import ssh2 from "ssh2";
import { vi } from "vitest";
import { need } from "../../../../toolchain/requirement.js";
import { sshAdd, sshAgent } from "../../../programs.js";
import { type KeyPair, scratch } from "./keys.js";

/** OpenSSH's own agent with these keys. */
export async function agentWith(
  keys: readonly KeyPair[],
  passphrase?: string,
): Promise<{ readonly socket: string; readonly stop: () => void }> {
  const folder = scratch();
  const socket = join(folder, "agent");
  const agent = spawn(need(sshAgent), ["-D", "-a", socket], { stdio: "ignore" });
  await vi.waitFor(() => {
    if (!existsSync(socket)) throw new Error("not yet");
  }, 10_000);
  const askpass = join(folder, "askpass");
  writeFileSync(askpass, `#!/bin/sh\necho '${passphrase ?? ""}'\n`, { mode: 0o700 });
  const env = {
    ...process.env,
    SSH_AUTH_SOCK: socket,
    SSH_ASKPASS: askpass,
    SSH_ASKPASS_REQUIRE: "force",
    DISPLAY: ":0",
  };
  for (const { file } of keys) execFileSync(need(sshAdd), ["-q", file], { env, stdio: ["ignore", "ignore", "pipe"] });
  return { socket, stop: () => void agent.kill() };
}

/** An agent that takes connections and answers no question, or all but those for a signature. */
export async function deafAgent(key?: KeyPair): Promise<{
  readonly socket: string;
  readonly open: () => number;
  readonly stop: () => void;
}> {
  const socket = join(scratch(), "agent");
  const clients = new Set<Socket>();
  const server: Server = createServer((client) => {
    clients.add(client);
    client.on("error", () => undefined);
    client.on("close", () => clients.delete(client));
    client.resume();
    if (key === undefined) return;
    const parsed = ssh2.utils.parseKey(key.privateKey);
    if (parsed instanceof Error) throw parsed;
    const protocol = new ssh2.AgentProtocol(false);
    protocol.on("identities", (request) => protocol.getIdentitiesReply(request, [parsed]));
    protocol.on("sign", () => undefined);
    protocol.on("error", () => undefined);
    client.pipe(protocol).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    open: () => clients.size,
    stop: () => {
      for (const client of clients) client.destroy();
      server.close();
    },
  };
}

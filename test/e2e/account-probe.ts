/**
 * What an SSH account can do beside what it is for, tried by hand: `account-probe.ts HOST PORT USER KEYFILE HOSTKEY`, in the
 * lab's namespace. Prints JSON: for each attempt what came of it.
 */
import { readFileSync } from "node:fs";
import { Client, type ClientChannel } from "ssh2";

/** `refused`: not even begun. `unanswered`: begun, and nothing of what was asked for came. Else: what came. */
export interface AccountProbe {
  readonly exec: string;
  readonly shell: string;
  readonly sftp: string;
  readonly tcp: string;
  readonly listen: string;
  /** By path. */
  readonly sockets: Readonly<Record<string, string>>;
}

/** Milliseconds for an answer. */
const patience = 6_000;

/** libvirt's own sockets (src/remote/remote_sockets.c): the read-write one, the read-only one, that for administrators; and D-Bus's. */
const paths = [
  "/run/libvirt/libvirt-sock",
  "/run/libvirt/libvirt-sock-ro",
  "/run/libvirt/libvirt-admin-sock",
  "/run/dbus/system_bus_socket",
];

const [host = "", port = "", username = "", key = "", hostKey = ""] = process.argv.slice(2);

async function main(): Promise<void> {
  const client = await connected();
  /** Opens a channel and says what it says to `words`. */
  const asked = (open: (done: (error: Error | undefined, channel: ClientChannel) => void) => void, words: string) =>
    new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve("unanswered"), patience);
      open((error, channel) => {
        if (error !== undefined) {
          clearTimeout(timer);
          resolve("refused");
          return;
        }
        let said = "";
        channel.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
        channel.stderr.resume();
        channel.on("close", () => {
          clearTimeout(timer);
          resolve(said === "" ? "unanswered" : said);
        });
        channel.end(words);
      });
    });
  const opened = (open: (done: (error: Error | undefined, channel?: ClientChannel) => void) => void) =>
    new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve("unanswered"), patience);
      open((error, channel) => {
        clearTimeout(timer);
        channel?.destroy();
        resolve(error === undefined ? "opened" : "refused");
      });
    });
  const sockets: Record<string, string> = {};
  for (const path of paths) sockets[path] = await opened((done) => client.openssh_forwardOutStreamLocal(path, done));
  const probe: AccountProbe = {
    exec: await asked((done) => client.exec("id", done), ""),
    shell: await asked((done) => client.shell(done), "id\n"),
    sftp: await opened((done) => client.sftp((error) => done(error))),
    tcp: await opened((done) => client.forwardOut("127.0.0.1", 1, "127.0.0.1", 22, done)),
    listen: await opened((done) => client.forwardIn("127.0.0.1", 0, (error) => done(error))),
    sockets,
  };
  client.end();
  console.log(JSON.stringify(probe));
}

function connected(): Promise<Client> {
  const client = new Client();
  return new Promise((resolve, reject) => {
    client.on("error", reject);
    client.on("ready", () => resolve(client));
    client.connect({
      host,
      port: Number(port),
      username,
      privateKey: readFileSync(key),
      hostVerifier: (offered: Buffer) => offered.toString("base64") === hostKey,
    });
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

/** Lets the in-process hosts run the announcer, as far as it can be seen from here: it hears words, and says where it sees the guest. */
import { PassThrough } from "node:stream";
import type { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";

/** The announcers of the hosts. */
export interface Announcers {
  /** What each was told, one after another: `host2 fast`. */
  readonly heard: readonly string[];
  /** Where one was started. */
  readonly started: readonly string[];
  /** The announcer on that host sees the guest behind that port, and the guest answers there. */
  sees(host: string, port: string): void;
  /** It sees a frame by the guest's MAC there, and no answer. */
  glimpses(host: string, port: string): void;
}

/** @param onWord called with each word, as `heard` has it. */
export function runsAnnouncers(cluster: LibvirtCluster, onWord: (word: string) => void = () => undefined): Announcers {
  const heard: string[] = [];
  const started: string[] = [];
  const said = new Map<string, PassThrough[]>();
  for (const host of cluster.hosts) {
    const ofHost: PassThrough[] = [];
    said.set(host.name, ofHost);
    host.command = () => Promise.resolve({ code: 127, stdout: "", stderr: "not found" });
    host.commands = () =>
      Promise.resolve(() => {
        started.push(host.name);
        const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
        let isTask = true;
        stdin.on("data", (chunk: Buffer) => {
          for (const line of chunk.toString().split("\n").filter(Boolean)) {
            if (isTask) stdout.write('{"ready": true}\n');
            else {
              heard.push(`${host.name} ${line}`);
              onWord(`${host.name} ${line}`);
            }
            isTask = false;
          }
        });
        ofHost.push(stdout);
        return Promise.resolve({ stdin, stdout, stderr });
      });
  }
  const say = (host: string, words: object) => {
    for (const stdout of said.get(host) ?? []) stdout.write(`${JSON.stringify(words)}\n`);
  };
  const glimpses = (host: string, port: string) => say(host, { port, at: 1 });
  return {
    heard,
    started,
    glimpses,
    sees(host, port) {
      glimpses(host, port);
      say(host, { answers: port });
    },
  };
}

/** Mistakes in the configuration, and hosts that cannot be asked, under the real engine: what a preview says and its exit code. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeKey } from "../backends/libvirt/transport/keys.js";
import { SshServer } from "../backends/libvirt/transport/ssh-server.js";
import { twoHosts } from "../hosts/two-hosts.js";
import { classes, installPlugin, type Face } from "./faces.js";
import { withStack, type Run } from "./stack.js";

const TIMEOUT = 400_000;

const program = (face: Face) => `${classes[face]}
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", {
  network: "data-vf", passThrough: "enabled", migratable: true, failover: ref(standby),
});
const nic = new VmInterface("nic", { vm: "web", profile: ref(fast) });
new VmPlacement("placement", { vm: "web", host: "host2" }, { dependsOn: nic });
`;

let home: string;
let path: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "vnic-failover-configuration-"));
  path = await installPlugin(home);
}, TIMEOUT);
afterAll(() => rmSync(home, { recursive: true }));

test.each<Face>(["dynamic", "plugin"])("of the %s package", { timeout: TIMEOUT }, async (face) => {
  const [hostKey, otherKey, userKey] = [makeKey("ed25519"), makeKey("ed25519"), makeKey("ed25519")];
  const lab = await twoHosts();
  let server = await SshServer.start({ hostKeys: [hostKey], authorized: [userKey] });
  try {
    const { cluster } = lab.configuration;
    const socket = new URL(cluster.hosts["host2"]?.uri ?? "").searchParams.get("socket") ?? "";
    const host2 = (port = server.port, hostKey = "") => ({
      ...cluster,
      hosts: {
        ...cluster.hosts,
        host2: { uri: `qemu+ssh://virt@127.0.0.1:${port}/system?keyfile=${userKey.file}&socket=${socket}`, hostKey },
      },
    });
    const mistaken = {
      hosts: {
        tcp: { uri: "qemu+tcp://host1/system" },
        ssh: { uri: "ssh://root@host" },
        password: { uri: "qemu+ssh://root:hunter2@host3/system" },
        pin: { uri: "qemu+ssh://host4/system", hostKey: "SHA256:…" },
        key: { uri: "qemu+ssh://host5/system?keyfile=/no/such/key" },
        url: { url: "qemu+ssh://host6/system" },
      },
    };
    const config = {
      "vnic-failover:cluster": mistaken,
      "vnic-failover:sshPrivatKey": "hunter2",
      "vnic-failover:sshPassword": "pa55word",
    };
    const secrets = { "vnic-failover:sshPassphrase": "pa55word" };
    await withStack({ program: program(face), config, secrets, env: { PATH: path } }, async (stack) => {
      const set = (key: string, value: unknown) =>
        stack.pulumi(
          "config",
          "set",
          `vnic-failover:${key}`,
          typeof value === "string" ? value : JSON.stringify(value),
        );
      const told = ({ text }: Run, part: string) => text.split(part).length - 1;

      const mistakes = await stack.preview();
      expect(mistakes.exitCode).not.toBe(0);
      for (const line of [
        'vnic-failover:sshPrivatKey is an unknown key; did you mean "vnic-failover:sshPrivateKey"?',
        'vnic-failover:cluster.hosts.tcp.uri cannot be used: the transport "tcp" is not supported.',
        'vnic-failover:cluster.hosts.ssh.uri cannot be used: the driver "ssh" is not supported.',
        "vnic-failover:cluster.hosts.password.uri cannot be used: it contains a password.",
        "vnic-failover:cluster.hosts.pin.hostKey is not a complete SHA256 fingerprint.",
        'vnic-failover:cluster.hosts.key.uri names the key file "/no/such/key", which is not there.',
        'vnic-failover:cluster.hosts.url has an unknown key "url"; did you mean "uri"?',
      ])
        expect(told(mistakes, line), `${line}\n${mistakes.text}`).toBe(1);
      expect(mistakes.text).not.toContain("hunter2");

      await stack.pulumi("config", "rm", "vnic-failover:sshPrivatKey");
      await set("cluster", host2(server.port, otherKey.publicKey));
      const changedKey = await stack.preview();
      expect(changedKey.exitCode, changedKey.text).not.toBe(0);
      expect(told(changedKey, "The host presented a different key than expected"), changedKey.text).toBe(1);

      await set("cluster", host2(1, hostKey.publicKey));
      const away = await stack.preview();
      expect(away.exitCode, away.text).toBe(0);
      const warnings = away.diagnostics.filter(({ severity }) => severity === "warning");
      expect(warnings.filter(({ message }) => message.includes("host2"))).toHaveLength(1);

      // A plugin is not told what of its configuration is encrypted.
      const inClear = warnings.filter(({ message }) =>
        message.includes("is in plain text in the stack's configuration"),
      );
      expect(inClear.map(({ message }) => message.split(" ")[0])).toEqual(
        face === "dynamic" ? ["vnic-failover:sshPassword"] : [],
      );
      expect(away.text).not.toContain("pa55word");

      await set("unreachableHosts", "error");
      const strict = await stack.preview();
      expect(strict.exitCode).not.toBe(0);
      expect(told(strict, 'Unable to reach host "host2"'), strict.text).toBe(1);

      await set("cluster", host2(server.port, hostKey.publicKey));
      expect((await stack.up("--target", "**data")).exitCode).toBe(0);
      const before = (await stack.pulumi("stack", "export")).text;
      // A refresh goes by the configuration that is in the state: the host itself has to change.
      const { port } = server;
      await server.stop();
      server = await SshServer.start({ hostKeys: [otherKey], authorized: [userKey], port });
      const refreshed = await stack.refresh();
      expect(refreshed.exitCode, refreshed.text).not.toBe(0);
      expect(refreshed.text).toContain("The host presented a different key than expected");
      expect(refreshed.steps.filter(({ op }) => op === "delete")).toEqual([]);
      const resources = (text: string) =>
        (JSON.parse(text) as { deployment: { resources: object[] } }).deployment.resources.length;
      expect(resources((await stack.pulumi("stack", "export")).text)).toBe(resources(before));
    });
  } finally {
    await server.stop();
    await lab.close();
  }
});

/** An account that can reach libvirt's socket and nothing else, as docs/security.md sets it up: a move through it, and what it refuses. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { prepare } from "../faults/inject.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { run } from "../lab/command.js";
import { requireLab, type LabState } from "../lab/lab.js";
import { hostNamed, hosts, running, type LabHost } from "../lab/layout.js";
import { inNamespace } from "../lab/network.js";
import { ssh } from "../lab/ssh.js";
import type { AccountProbe } from "./account-probe.js";
import { domainXml, labSkipped } from "./lab.js";

const account = "vnic";
/** Of an SSH server of its own: the lab's goes on as it is. */
const port = 2222;
const examples = join(root, "examples/hardening");
const rules = "polkit-1/rules.d/50-vnic-failover.rules";
const clusterFile = join(running, "restricted-account.json");

interface Way {
  readonly name: string;
  /** Under examples/hardening/sshd_config.d. */
  readonly config: string;
  /** Which of the keys in examples/hardening/authorized_keys. */
  readonly key: number;
  readonly sockets: Readonly<Record<string, string>>;
  /** What comes of a command: with a forced one it is run, and says nothing. */
  readonly exec: string;
}

const refusedSockets = {
  "/run/libvirt/libvirt-sock": "refused",
  "/run/libvirt/libvirt-sock-ro": "refused",
  "/run/libvirt/libvirt-admin-sock": "refused",
  "/run/dbus/system_bus_socket": "refused",
};

const ways: readonly Way[] = [
  { name: "by a forced command", config: "50-vnic-failover.conf", key: 0, exec: "unanswered", sockets: refusedSockets },
  {
    name: "by forwarding",
    config: "50-vnic-failover-forwarding.conf",
    key: 1,
    exec: "refused",
    sockets: { ...refusedSockets, "/run/libvirt/libvirt-sock": "opened" },
  },
];

describe.skipIf(labSkipped !== undefined)("an account for libvirt's socket alone", () => {
  let lab: LabState;

  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
    await Promise.all(hosts.map(createAccount));
  });
  afterAll(async () => {
    await Promise.all(hosts.map(removeAccount));
  });

  describe.each(ways.map((way, index) => [way.name, way, index] as const))("%s", (_name, way, index) => {
    const [from, to] = index % 2 === 0 ? ["host1", "host2"] : ["host2", "host1"];

    beforeAll(async () => {
      await Promise.all(hosts.map((host) => admit(host, way)));
      writeFileSync(clusterFile, JSON.stringify(restrictedCluster()));
    });

    test("refuses a shell, commands, files, ports and every other socket", async () => {
      for (const host of hosts) {
        expect(await probe(host)).toEqual({
          exec: way.exec,
          shell: "refused",
          sftp: "refused",
          tcp: "refused",
          listen: "refused",
          sockets: way.sockets,
        });
      }
    });

    test("moves a VM with its VF, and QEMU announces it", async () => {
      const answer = await cli("migrate", "web", "--to", to);
      expect(answer).toMatchObject({ outcome: "moved", report: { from, to, announced: { by: "qemu" } } });
      expect(await domainXml(lab, hostNamed(to), "web")).toMatch(/<teaming type='transient'/);
    });

    test("is not let in by libvirt without the polkit rule", async () => {
      const [host] = hosts;
      if (host === undefined) expect.fail("the lab has no hosts");
      await ssh(lab.image, host, `mv /etc/${rules} /root/ && sleep 2`);
      try {
        expect(JSON.stringify(await cli("status"))).toMatch(/polkit/);
      } finally {
        await ssh(lab.image, host, `mv /root/50-vnic-failover.rules /etc/${rules} && sleep 2`);
      }
    });
  });

  /** The commands of docs/security.md. */
  async function createAccount(host: LabHost): Promise<void> {
    await removeAccount(host);
    await ssh(
      lab.image,
      host,
      `PATH=$PATH:/usr/sbin
       useradd --system --create-home --home-dir /var/lib/${account} --shell /bin/sh ${account} &&
       usermod --password '*' ${account} && mkdir -p -m 755 /etc/ssh/authorized_keys.d`,
    );
    await write(host, `/etc/${rules}`, readFileSync(join(examples, rules), "utf8"));
  }

  async function removeAccount(host: LabHost): Promise<void> {
    await stopServer(host);
    const files = `/etc/${rules} /etc/ssh/authorized_keys.d/${account} /etc/ssh/sshd_config.d/50-vnic-failover.conf`;
    await ssh(lab.image, host, `rm -f ${files}; /usr/sbin/userdel -r ${account} 2> /dev/null; true`);
  }

  async function admit(host: LabHost, { config, key }: Way): Promise<void> {
    await stopServer(host);
    const lines = readFileSync(join(examples, "authorized_keys"), "utf8").split("\n");
    const line = lines.filter((each) => each.startsWith("restrict"))[key] ?? "";
    const { stdout: publicKey } = await run("ssh-keygen", ["-y", "-f", lab.image.key]);
    const [type = "", base64 = ""] = publicKey.trim().split(" ");
    await write(
      host,
      `/etc/ssh/authorized_keys.d/${account}`,
      `${line.replace(/ssh-ed25519 \S+/, `${type} ${base64}`)}\n`,
    );
    const text = readFileSync(join(examples, "sshd_config.d", config), "utf8");
    await write(host, "/etc/ssh/sshd_config.d/50-vnic-failover.conf", text);
    const server = `/usr/sbin/sshd -h /etc/ssh/lab_host${host.id}_key -p ${port} -o PidFile=/run/sshd-${account}.pid`;
    await ssh(lab.image, host, `${server} -t && ${server}`);
  }

  async function stopServer(host: LabHost): Promise<void> {
    const pid = `/run/sshd-${account}.pid`;
    await ssh(lab.image, host, `[ ! -e ${pid} ] || { kill "$(cat ${pid})"; rm -f ${pid}; sleep 1; }`);
  }

  async function write(host: LabHost, path: string, text: string): Promise<void> {
    await ssh(lab.image, host, `cat > ${path} && chmod 644 ${path}`, { input: text });
  }

  function restrictedCluster(): object {
    const cluster = clusterConfig(lab);
    return {
      ...cluster,
      hostCommands: false,
      hosts: Object.fromEntries(
        hosts.map((host) => [
          host.name,
          {
            ...cluster.hosts[host.name],
            uri: `qemu+ssh://${account}@${host.address}:${port}/system?keyfile=${lab.image.key}`,
            hostKey: `ssh-ed25519 ${hostKeyOf(host)}`,
          },
        ]),
      ),
    };
  }

  /** In base64, as the lab's known_hosts has it. */
  function hostKeyOf({ address }: LabHost): string {
    const line = readFileSync(lab.image.knownHosts, "utf8")
      .split("\n")
      .find((each) => each.startsWith(`${address} `));
    return line?.split(" ")[2] ?? expect.fail(`no key of ${address} is known`);
  }

  async function probe(host: LabHost): Promise<AccountProbe> {
    const { address } = host;
    const program = ["--import", "tsx", join(import.meta.dirname, "account-probe.ts")];
    const { stdout } = await here(root, [...program, address, String(port), account, lab.image.key, hostKeyOf(host)]);
    return JSON.parse(stdout) as AccountProbe;
  }

  async function cli(...args: string[]): Promise<unknown> {
    const program = join(root, "dist/cli/main.js");
    const { stdout } = await here(running, [program, ...args, "--json", "--config", clusterFile]);
    return JSON.parse(stdout) as unknown;
  }

  /** A program of ours, where it can reach the hosts. Whatever becomes of it, it says so. */
  function here(cwd: string, args: readonly string[]): ReturnType<typeof run> {
    const [command, argv] = inNamespace([process.execPath, ...args]);
    return run(command, argv, { cwd, accept: [0, 1, 2, 3, 4] });
  }
});

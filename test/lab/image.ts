/**
 * The disk that both hosts boot from, built once for each set of inputs: a Debian trixie with libvirt and QEMU, the
 * guest's kernel and initrd, keys. QEMU 10.0.0 to 10.0.2 maps the VFs' BARs of its emulated igb at a wrong address;
 * trixie's 10.0.13 is right, so the QEMU that emulates the hosts runs out of the same tree.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { machinesDebianMirror } from "../../toolchain/debian.js";
import { plan } from "../../toolchain/installation.js";
import type { Requirement } from "../../toolchain/requirement.js";
import { run } from "./command.js";
import { cache, hosts } from "./layout.js";
import { bootOnce } from "./qemu.js";
import { labRequirements } from "./requirements.js";

/** Counts changes of this file that change what it builds. */
const recipe = "2";
const hostInit = join(import.meta.dirname, "host", "labinit");
const guestInit = join(import.meta.dirname, "guest", "init");
const suite = "trixie";
const base = ["dbus", "openssh-server", "iproute2", "kmod", "procps", "pciutils", "python3-minimal"];
const packages = [
  "linux-image-amd64",
  "initramfs-tools",
  "qemu-system-x86",
  "libvirt-daemon-system",
  "libvirt-clients",
  "libvirt-daemon-driver-qemu",
  "libvirt-daemon-driver-interface",
  // For the sites' variants (test/sites): a host that exports a folder to both.
  "nfs-kernel-server",
];
/** Kernel modules of the guest, in the order in which its init loads them. */
const guestModules = [
  "net/core/failover",
  "drivers/net/net_failover",
  "drivers/net/virtio_net",
  "drivers/net/ethernet/intel/igbvf/igbvf",
  "drivers/block/virtio_blk",
];
/** Without systemd, libvirt must not want namespaces, cgroups or a security driver. */
const qemuConf = `user = "root"
group = "root"
namespaces = []
security_driver = "none"
cgroup_controllers = []
seccomp_sandbox = 0
remember_owner = 0
`;

export interface Image {
  /** The tree that the disk was made from; QEMU runs in it. */
  readonly tree: string;
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** Private key that root of both hosts accepts. */
  readonly key: string;
  /** The hosts' keys, in OpenSSH's format. */
  readonly knownHosts: string;
  readonly version: string;
}

/** For `npm run setup -- --tests`, which builds it while the Pulumi CLI is compiled; the lab itself builds it where it is missing. */
export const labImage: Requirement = {
  name: "the disk of the lab's hosts",
  purpose: "the lab",
  neededBy: "lab",
  find: () => {
    const { folder, image } = imageOfSources();
    return existsSync(folder) ? image.disk : undefined;
  },
  make: async () => {
    await ensureImage(console.error);
  },
  obstacle: () =>
    plan(labRequirements).some(({ plan: { kind } }) => kind === "impossible")
      ? "it is built where the lab can run: see what the lab is missing"
      : undefined,
};

/** The image that the sources give, and where it stands once it is built. */
function imageOfSources(): { readonly image: Image; readonly folder: string } {
  const treeVersion = hash(suite, ...base, ...packages);
  const version = hash(recipe, treeVersion, readFileSync(hostInit), readFileSync(guestInit), qemuConf, ...guestModules);
  const folder = join(cache, `image-${version}`);
  const image: Image = {
    tree: join(cache, `tree-${treeVersion}`),
    disk: join(folder, "host.img"),
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd.img"),
    key: join(folder, "id_ed25519"),
    knownHosts: join(folder, "known_hosts"),
    version,
  };
  return { image, folder };
}

/** Builds what is missing; takes about five minutes the first time, nothing after that. */
export async function ensureImage(say: (line: string) => void): Promise<Image> {
  const { image, folder } = imageOfSources();
  const { tree } = image;
  if (existsSync(folder)) return image;
  await ensureTree(tree, say);
  say("Building the hosts' disk (about 3 minutes)…");
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  await writeKeys(tree, part);
  cpSync(hostInit, join(tree, "sbin", "labinit"));
  chmodSync(join(tree, "sbin", "labinit"), 0o755);
  writeFileSync(join(tree, "etc/libvirt/qemu.conf"), qemuConf);
  const kernelVersion = only(readdirSync(join(tree, "lib/modules")));
  mkdirSync(join(tree, "lab"), { recursive: true });
  cpSync(join(tree, `boot/vmlinuz-${kernelVersion}`), join(tree, "lab/vmlinuz"));
  await writeGuestInitrd(join(tree, "lib/modules", kernelVersion, "kernel"), guestInit, join(tree, "lab/guest.initrd"));
  cpSync(join(tree, `boot/vmlinuz-${kernelVersion}`), join(part, "vmlinuz"));
  cpSync(join(tree, `boot/initrd.img-${kernelVersion}`), join(part, "initrd.img"));
  await run("mke2fs", ["-q", "-t", "ext4", "-d", tree, join(part, "host.img"), "2500M"]);
  say("Filling libvirt's cache of QEMU's capabilities…");
  const named = {
    ...image,
    disk: join(part, "host.img"),
    kernel: join(part, "vmlinuz"),
    initrd: join(part, "initrd.img"),
  };
  await bootOnce(named, "lab.warm lab.id=1 lab.topology=separate", "LAB-WARM");
  renameSync(part, folder);
  for (const name of readdirSync(cache)) {
    if (name.startsWith("image-") && join(cache, name) !== folder)
      rmSync(join(cache, name), { recursive: true, force: true });
    if (name.startsWith("tree-") && join(cache, name) !== tree)
      rmSync(join(cache, name), { recursive: true, force: true });
  }
  return image;
}

async function ensureTree(tree: string, say: (line: string) => void): Promise<void> {
  if (existsSync(tree)) return;
  say(`Installing Debian ${suite} with libvirt and QEMU (about 2 minutes)…`);
  const part = `${tree}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  await run("debootstrap", ["--variant=minbase", `--include=${base.join(",")}`, suite, part, machinesDebianMirror()]);
  cpSync("/etc/resolv.conf", join(part, "etc/resolv.conf"), { dereference: true });
  for (const file of existsSync("/etc/apt/apt.conf.d") ? readdirSync("/etc/apt/apt.conf.d") : []) {
    cpSync(join("/etc/apt/apt.conf.d", file), join(part, "etc/apt/apt.conf.d", file));
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  await run("chroot", [part, "apt-get", "-q", "update"], { env });
  await run("chroot", [part, "apt-get", "install", "-qy", "--no-install-recommends", ...packages], { env });
  await run("chroot", [part, "apt-get", "clean"], { env });
  renameSync(part, tree);
}

/** One key pair for the operator; one host key a host, so that a swapped host would be noticed. */
async function writeKeys(tree: string, folder: string): Promise<void> {
  const keygen = (file: string, comment: string) =>
    run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file]);
  await keygen(join(folder, "id_ed25519"), "lab");
  const authorized = join(tree, "root/.ssh/authorized_keys");
  mkdirSync(join(tree, "root/.ssh"), { recursive: true, mode: 0o700 });
  writeFileSync(authorized, readFileSync(join(folder, "id_ed25519.pub")), { mode: 0o600 });
  const knownHosts: string[] = [];
  for (const { id, name, address } of hosts) {
    const file = join(tree, "etc/ssh", `lab_host${id}_key`);
    rmSync(file, { force: true });
    rmSync(`${file}.pub`, { force: true });
    await keygen(file, name);
    knownHosts.push(`${address} ${readFileSync(`${file}.pub`, "utf8").split(" ").slice(0, 2).join(" ")}`);
    // The hosts also reach each other, as an operator's runbook with `virsh migrate` does.
  }
  writeFileSync(join(folder, "known_hosts"), `${knownHosts.join("\n")}\n`);
  cpSync(join(folder, "id_ed25519"), join(tree, "root/.ssh/id_ed25519"));
  chmodSync(join(tree, "root/.ssh/id_ed25519"), 0o600);
  writeFileSync(
    join(tree, "root/.ssh/known_hosts"),
    knownHosts.map((line, index) => line.replace(" ", `,host${index + 1} `)).join("\n") + "\n",
  );
}

async function writeGuestInitrd(modules: string, init: string, target: string): Promise<void> {
  const root = `${target}.d`;
  rmSync(root, { recursive: true, force: true });
  for (const folder of ["bin", "lib", "proc", "sys", "dev"]) mkdirSync(join(root, folder), { recursive: true });
  cpSync((await run("sh", ["-c", "command -v busybox"])).stdout.trim(), join(root, "bin/busybox"), {
    dereference: true,
  });
  cpSync(init, join(root, "init"));
  chmodSync(join(root, "init"), 0o755);
  for (const module of guestModules) {
    const { stdout } = await run("sh", [
      "-c",
      'xz -dc "$1" > "$2"',
      "sh",
      join(modules, `${module}.ko.xz`),
      join(root, "lib", `${module.split("/").at(-1) ?? ""}.ko`),
    ]);
    if (stdout !== "") throw new Error(stdout);
  }
  await run("sh", ["-c", 'find . | cpio -o -H newc 2>/dev/null | gzip > "$1"', "sh", target], { cwd: root });
  rmSync(root, { recursive: true });
}

function hash(...parts: readonly (string | Buffer)[]): string {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part).update("\0");
  return digest.digest("hex").slice(0, 12);
}

function only(names: readonly string[]): string {
  const [name, ...others] = names;
  if (name === undefined || others.length > 0)
    throw new Error(`Expected one kernel in the hosts' tree, found: ${names.join(", ")}.`);
  return name;
}

/**
 * One emulated hypervisor: QEMU without KVM (`-accel tcg`), since few machines that run tests can nest virtualization.
 * An emulated AMD CPU with SVM gives the host a /dev/kvm of its own; an Intel IOMMU and an igb NIC give it VFs.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Image } from "./image.js";
import { run } from "./command.js";
import { cache, namespace, type LabHost, type Topology } from "./layout.js";

const kernelArguments =
  "console=ttyS0 root=/dev/vda rw init=/sbin/labinit intel_iommu=on iommu=pt net.ifnames=0 mitigations=off panic=-1";

/** Boots a host on the image's own disk and waits until it has powered itself off. */
export async function bootOnce(image: Image, argument: string, expected: string): Promise<void> {
  const args = machine(image, `${kernelArguments} ${argument}`, 2048);
  args.push(
    "-serial",
    "stdio",
    "-drive",
    `if=none,id=d,file=${inTree(image.disk)},format=raw,cache=unsafe`,
    "-device",
    "virtio-blk-pci,drive=d",
  );
  const { stdout } = await run("unshare", isolated(image, args));
  if (!stdout.includes(expected)) throw new Error(`The lab's host did not say ${expected}:\n${stdout.slice(-2000)}`);
}

export interface HostFiles {
  readonly disk: string;
  readonly serial: string;
  readonly monitor: string;
  readonly pid: string;
  readonly output: string;
}

export function startHost(image: Image, host: LabHost, topology: Topology, files: HostFiles): void {
  const { id } = host;
  const tap = (name: string) => `tap,id=${name},ifname=${name}${id},script=no,downscript=no`;
  const args = machine(image, `${kernelArguments} lab.id=${id} lab.topology=${topology}`, 3072);
  args.push(
    ...[
      "-name",
      host.name,
      // To the output file: why a host has ended.
      "-trace",
      "qemu_system_shutdown_request",
      "-trace",
      "watchdog_perform_action",
      "-trace",
      "tco_timer_expired",
      "-serial",
      `file:${inTree(files.serial)}`,
      "-monitor",
      `unix:${inTree(files.monitor)},server,nowait`,
      "-pidfile",
      inTree(files.pid),
    ],
    ...["-drive", `if=none,id=d,file=${inTree(files.disk)},cache=unsafe`, "-device", "virtio-blk-pci,drive=d"],
    ...["-netdev", tap("mgmt"), "-device", `virtio-net-pci,netdev=mgmt,mac=52:54:00:77:00:1${id}`],
    ...["-netdev", tap("migr"), "-device", `virtio-net-pci,netdev=migr,mac=52:54:00:76:00:1${id}`],
    ...["-netdev", tap("uplink"), "-device", `virtio-net-pci,netdev=uplink,mac=52:54:00:78:00:1${id}`],
    ...[
      "-netdev",
      tap("pf"),
      "-device",
      "pcie-root-port,id=rp,slot=1",
      "-device",
      `igb,netdev=pf,bus=rp,mac=52:54:00:79:00:1${id}`,
    ],
  );
  const output = openSync(files.output, "a");
  spawn("setsid", ["ip", "netns", "exec", namespace, "unshare", ...isolated(image, args)], {
    stdio: ["ignore", output, output],
    detached: true,
  }).unref();
  closeSync(output);
}

/** Waits until a host's serial console says that it is ready. @throws Error with the end of the console's text. */
export async function hostReady(host: LabHost, files: HostFiles, seconds: number): Promise<string> {
  const read = (file: string): string => {
    try {
      return readFileSync(file, "latin1");
    } catch {
      return "";
    }
  };
  for (let waited = 0; waited < seconds; waited += 0.5) {
    const ready = /^LAB-READY .*$/m.exec(read(files.serial))?.[0];
    if (ready !== undefined) return ready.trim();
    await sleep(500);
  }
  throw new Error(
    `${host.name} was not ready after ${seconds} s:\n${read(files.serial).slice(-1500)}\n${read(files.output).slice(-500)}`,
  );
}

/** `unshare` arguments that run QEMU inside the image's tree; its mounts end with the process. */
function isolated(image: Image, args: readonly string[]): string[] {
  const script =
    'mount --bind /dev "$0/dev" && mount -t proc proc "$0/proc" && mkdir -p "$0/mnt/lab" && mount --bind "$1" "$0/mnt/lab" && shift && exec chroot "$0" "$@"';
  return ["--mount", "--propagation", "private", "sh", "-c", script, image.tree, cache, "qemu-system-x86_64", ...args];
}

/** The same file as QEMU sees it inside the tree. */
function inTree(path: string): string {
  return path.replace(cache, "/mnt/lab");
}

function machine(image: Image, append: string, memoryMiB: number): string[] {
  return [
    ...[
      "-accel",
      "tcg,thread=multi,tb-size=512",
      "-machine",
      "q35,kernel-irqchip=split",
      "-cpu",
      "EPYC,+svm,+npt",
      "-smp",
      "1",
    ],
    ...["-m", String(memoryMiB), "-nodefaults", "-display", "none", "-no-reboot"],
    // While a guest of its own boots, the machine's watchdog (ICH9's TCO, 30 s) has expired and ended it.
    ...["-action", "watchdog=none"],
    ...["-device", "intel-iommu,intremap=on,caching-mode=on,device-iotlb=on"],
    ...["-kernel", inTree(image.kernel), "-initrd", inTree(image.initrd), "-append", append],
  ];
}

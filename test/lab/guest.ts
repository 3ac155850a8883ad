/** The guests' domains. They start with no interface at all: what they get is the project's doing. */
import type { LabGuest } from "./layout.js";

/** Memory of a guest, in MiB. */
export const guestMemory = 256;

export interface GuestOptions {
  /** Default: 6. */
  readonly rootPorts?: number;
  /** In MiB, at most 2048: a host has 3072. Default: 256. */
  readonly memory?: number;
  /** Whether it obeys the peer on the lab's data network, which has it send and receive (guest/init). Default: false. */
  readonly obeysPeer?: boolean;
  /** A qcow2 image, by its path on the hosts; the guest writes to it all the time. Default: no disk. */
  readonly disk?: string;
  /** Whether its memory is of the host's huge pages. Default: false. */
  readonly hugepages?: boolean;
}

export function guestDomain(guest: LabGuest, options: GuestOptions = {}): string {
  const disk =
    options.disk === undefined
      ? ""
      : `    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${options.disk}'/><target dev='vda' bus='virtio'/></disk>\n`;
  const backing = options.hugepages === true ? "\n  <memoryBacking><hugepages/></memoryBacking>" : "";
  const ports = Array.from(
    { length: options.rootPorts ?? 6 },
    (_, index) => `    <controller type='pci' index='${index + 1}' model='pcie-root-port'/>`,
  );
  return `<domain type='kvm'>
  <name>${guest.name}</name>
  <uuid>${guest.uuid}</uuid>
  <memory unit='MiB'>${options.memory ?? guestMemory}</memory>${backing}
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>/lab/vmlinuz</kernel>
    <initrd>/lab/guest.initrd</initrd>
    <cmdline>console=ttyS0 mitigations=off net.ifnames=0 panic=-1 lab.ip=${guest.address}/24${options.obeysPeer === true ? " lab.obeys" : ""}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='minimum' check='none'><model fallback='allow'>qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='pci' model='pcie-root'/>
${ports.join("\n")}
${disk}    <controller type='usb' model='none'/>
    <serial type='pty'><log file='${guestLog(guest)}' append='off'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
`;
}

/** Where a guest's serial console is logged, on whichever host it runs. */
export function guestLog(guest: Pick<LabGuest, "name">): string {
  return `/var/log/guests/${guest.name}.log`;
}

export interface GuestInterface {
  readonly name: string;
  readonly driver: string;
  /** `top`, or the name of the failover master that enslaved it. */
  readonly master: string | undefined;
  readonly carrier: boolean;
}

/** What the guest said of its interfaces last; undefined before it has said anything. */
export function parseGuestState(log: string): readonly GuestInterface[] | undefined {
  const line = [...log.matchAll(/^GUEST-STATE [\d.]+(.*)$/gm)].at(-1)?.[1];
  if (line === undefined) return undefined;
  return line
    .trim()
    .split(/\s+/)
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [name = "", driver = "", role = "", carrier = ""] = entry.split(":");
      return {
        name,
        driver,
        master: role.startsWith("slave-of-") ? role.slice("slave-of-".length) : undefined,
        carrier: carrier === "1",
      };
    });
}

/** The last number that the guest has written to its disk; undefined where it has not said so, NaN where it could not. */
export function parseDisk(log: string): number | undefined {
  const last = [...log.matchAll(/^GUEST-DISK (\S+)$/gm)].at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}

export interface PrimaryTimes {
  /** Seconds of the guest's kernel clock. */
  readonly registered: number;
  readonly linkUp: number | undefined;
}

/**
 * When the guest's net_failover took the VF in and when the VF's link came up, from the guest's kernel log; the last
 * such pair. Between the two the guest drops what arrives on the standby (Linux drivers/net/net_failover.c).
 */
export function parsePrimaryTimes(log: string): PrimaryTimes | undefined {
  let times: { registered: number; linkUp: number | undefined } | undefined;
  for (const match of log.matchAll(/^\[\s*(\d+\.\d+)\] (.*)$/gm)) {
    const text = match[2] ?? "";
    if (/failover primary slave:\S+ registered/.test(text)) times = { registered: Number(match[1]), linkUp: undefined };
    else if (times !== undefined && times.linkUp === undefined && /igbvf .*Link is Up/i.test(text))
      times.linkUp = Number(match[1]);
  }
  return times;
}

/** When the guest's net_failover let its VF go, in seconds of the guest's kernel clock; the last time. */
export function parseDeparture(log: string): number | undefined {
  const lines = [...log.matchAll(/^\[\s*(\d+\.\d+)\] .*failover primary slave:\S+ unregistered/gm)];
  const last = lines.at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}

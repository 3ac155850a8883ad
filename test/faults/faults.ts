/**
 * What can go wrong while a VM moves, as data: when it strikes, what it does, and what the hosts need afterwards so that
 * a person can recover. Everything is done to the lab's real hosts and to our real command line.
 */
import type { LabHost } from "../lab/layout.js";

/** The phases of a move, as the command line names them on its progress. */
export const phases = ["preflight", "journal", "reserve", "unplug", "migrate", "plug", "verify", "release"] as const;
export type PhaseName = (typeof phases)[number];

/** What a fault may do; `source` and `destination` are the hosts of the move. */
export interface Hands {
  readonly source: LabHost;
  readonly destination: LabHost;
  /** Runs a command line on a host. */
  readonly on: (host: LabHost, command: string) => Promise<string>;
  /** Sends our own process a signal. */
  readonly signal: (signal: "SIGKILL" | "SIGINT" | "SIGSTOP" | "SIGCONT") => void;
  /** Pulls or plugs the cable of a host's NIC. */
  readonly cable: (host: LabHost, nic: "mgmt" | "migr" | "uplink" | "pf", state: "up" | "down") => Promise<void>;
  /** Starts a second move of the same VM; its exit code. */
  readonly moveToo: () => Promise<number>;
  /** A host's machine loses its power. It stays off until everything that must be true without it was checked. */
  readonly die: (host: LabHost) => Promise<void>;
  /** The configuration has that host no more, until the same moment. */
  readonly remove: (host: LabHost) => void;
  /** Lets our command line recover the VM, once; its exit code. */
  readonly recover: () => Promise<number>;
}

/** How a move may end; `refused`: nothing was changed. What is true afterwards is checked on the hosts in any case. */
export type End = "moved" | "stays" | "refused" | "off";

export interface Fault {
  readonly name: string;
  readonly phase: PhaseName | "before";
  /** Milliseconds into the phase. Default 0. */
  readonly after?: number;
  readonly inject: (hands: Hands) => unknown;
  /** Makes the hosts work again, as an operator would, before the recovery. */
  readonly repair?: (hands: Hands) => unknown;
  /** Further arguments of `migrate`. */
  readonly options?: readonly string[];
  /** Which ends are right. Default: moved or stays. */
  readonly ends?: readonly End[];
  /** The host that is away afterwards: the VM must stand well without it, and again once it is back. */
  readonly away?: "source" | "destination";
  /** Seconds after the blow within which the move must have ended. Default: no limit of its own. */
  readonly endsWithin?: number;
  /** One of those that `npm test` runs. */
  readonly quick?: boolean;
}

const kill = ({ signal }: Hands) => signal("SIGKILL");
const startLibvirt =
  "pgrep -x libvirtd > /dev/null || libvirtd -d; until virsh -q uri > /dev/null 2>&1; do sleep 0.2; done";
const killLibvirt = (which: "source" | "destination") => ({
  inject: (hands: Hands) => hands.on(hands[which], "pkill -9 -x libvirtd; true"),
  repair: (hands: Hands) => hands.on(hands[which], startLibvirt),
});
const cutSsh = (which: "source" | "destination") => ({
  // The sessions' own processes; the listening one stays.
  inject: (hands: Hands) =>
    hands
      .on(hands[which], "for p in $(pgrep -f 'sshd(-session)?: root'); do [ $p = $PPID ] || kill -9 $p; done; true")
      .catch(() => ""),
});

/** The same for each VF's netdev `$n`. A VF that is bound to VFIO, with no VM, is free: hosts may bind theirs at boot. */
const vfNetdevs = (command: string) =>
  `for n in $(ls /sys/bus/pci/devices/0000:01:10.*/net/ -1 | grep -v :); do [ -z "$n" ] || { ${command}; }; done`;

/** In MiB/s: so the pre-copy takes some seconds, however fast the machine is. */
const slowly = ["--bandwidth", "16"];

const kills: readonly [PhaseName, number, boolean?][] = [
  ["preflight", 100],
  ["journal", 0],
  ["journal", 120],
  ["reserve", 0],
  ["reserve", 120],
  // The destination's QEMU is starting, or waits.
  ["reserve", 1500],
  ["unplug", 0],
  ["unplug", 300, true],
  ["unplug", 700],
  ["migrate", 0],
  ["migrate", 500],
  ["migrate", 1500, true],
  ["migrate", 3000],
  ["migrate", 4000],
  ["plug", 0],
  ["plug", 700, true],
  ["plug", 1500],
  ["verify", 0],
  ["verify", 600],
  ["release", 0],
  ["release", 80],
];

/** Seconds: a host that vanishes is noticed after at most 28, and a login that is tried again fails after 20. */
const noticed = 90;

/** A host that dies and is not brought back before the checks, or that the configuration loses. */
const deaths: readonly Fault[] = [
  ...(
    [
      ["journal", 0],
      ["reserve", 0],
      ["reserve", 1500],
      ["unplug", 300],
      ["migrate", 500],
      ["migrate", 1200],
      ["migrate", 2000],
    ] as const
  ).map(([phase, after]): Fault => ({
    name: `the destination's machine dies ${after} ms into ${phase} and stays away`,
    phase,
    after,
    away: "destination",
    endsWithin: noticed,
    inject: ({ die, destination }) => die(destination),
    ends: ["stays"],
  })),
  {
    // It may have taken over, or not yet: a person has to say that it is dead, or the VM was there and died with it.
    name: "the destination's machine dies at the switch-over and stays away",
    phase: "migrate",
    after: 3300,
    away: "destination",
    inject: ({ die, destination }) => die(destination),
    ends: ["stays", "off"],
  },
  {
    name: "the destination's machine dies in plug and stays away",
    phase: "plug",
    after: 200,
    away: "destination",
    inject: ({ die, destination }) => die(destination),
    ends: ["off"],
  },
  ...(
    [
      ["plug", 0],
      ["plug", 700],
      ["verify", 0],
      ["release", 0],
    ] as const
  ).map(([phase, after]): Fault => ({
    name: `the source's machine dies ${after} ms into ${phase} and stays away`,
    phase,
    after,
    away: "source",
    inject: ({ die, source }) => die(source),
    ends: ["moved"],
  })),
  {
    name: "the source's machine dies in pre-copy and stays away",
    phase: "migrate",
    after: 1500,
    options: slowly,
    away: "source",
    endsWithin: noticed,
    inject: ({ die, source }) => die(source),
    ends: ["off"],
  },
  {
    name: "our process is killed in pre-copy, and the destination's machine dies and stays away",
    phase: "migrate",
    after: 1500,
    options: slowly,
    away: "destination",
    inject: async ({ signal, die, destination }) => {
      signal("SIGKILL");
      await die(destination);
    },
    ends: ["stays"],
  },
  {
    name: "our process is killed in plug, and the source's machine dies and stays away",
    phase: "plug",
    after: 100,
    away: "source",
    inject: async ({ signal, die, source }) => {
      signal("SIGKILL");
      await die(source);
    },
    ends: ["moved"],
  },
  {
    name: "our process is killed in unplug, and the configuration loses the destination",
    phase: "unplug",
    after: 400,
    away: "destination",
    inject: ({ signal, remove, destination }) => {
      signal("SIGKILL");
      remove(destination);
    },
    ends: ["stays"],
  },
  {
    name: "our process is killed in plug, and the configuration loses the source",
    phase: "plug",
    after: 100,
    away: "source",
    inject: ({ signal, remove, source }) => {
      signal("SIGKILL");
      remove(source);
    },
    ends: ["moved"],
  },
];

export const faults: readonly Fault[] = [
  ...kills.map(([phase, after, quick = false]): Fault => ({
    name: `our process is killed ${after} ms into ${phase}`,
    phase,
    after,
    inject: kill,
    quick,
  })),

  ...(["journal", "reserve", "unplug", "plug", "verify", "release"] as const).flatMap((phase) => [
    { name: `the source's libvirtd is killed in ${phase}`, phase, ...killLibvirt("source") },
    {
      name: `the destination's libvirtd is killed in ${phase}`,
      phase,
      ...killLibvirt("destination"),
    },
  ]),
  {
    name: "the destination's libvirtd is killed 1500 ms into reserve",
    phase: "reserve",
    after: 1500,
    ...killLibvirt("destination"),
  },
  ...([500, 2500] as const).flatMap((after): Fault[] => [
    {
      name: `the source's libvirtd is killed ${after} ms into migrate`,
      phase: "migrate",
      after,
      ...killLibvirt("source"),
    },
    {
      name: `the destination's libvirtd is killed ${after} ms into migrate`,
      phase: "migrate",
      after,
      ...killLibvirt("destination"),
    },
  ]),

  ...(["unplug", "migrate", "plug"] as const).flatMap((phase): Fault[] => [
    {
      name: `SSH to the source is cut in ${phase}`,
      phase,
      after: phase === "migrate" ? 1500 : 200,
      ...cutSsh("source"),
    },
    {
      name: `SSH to the destination is cut in ${phase}`,
      phase,
      after: phase === "migrate" ? 1500 : 200,
      ...cutSsh("destination"),
    },
  ]),

  {
    name: "the migration network is cut in pre-copy",
    phase: "migrate",
    after: 1500,
    options: [...slowly, "--migrate-timeout", "15"],
    inject: ({ cable, source }) => cable(source, "migr", "down"),
    repair: ({ cable, source }) => cable(source, "migr", "up"),
  },
  {
    name: "the job is cancelled from outside",
    phase: "migrate",
    after: 2000,
    options: slowly,
    inject: ({ on, source }) => on(source, "virsh domjobabort web || true"),
    quick: true,
  },
  {
    name: "Ctrl-C while the guest releases its VF",
    phase: "unplug",
    after: 200,
    inject: ({ signal }) => signal("SIGINT"),
    ends: ["stays"],
  },
  {
    name: "Ctrl-C in pre-copy",
    phase: "migrate",
    after: 1500,
    options: slowly,
    inject: ({ signal }) => signal("SIGINT"),
    ends: ["stays"],
    quick: true,
  },
  {
    name: "the guest does not answer the unplug",
    phase: "reserve",
    options: ["--unplug-timeout", "6"],
    // Our process waits meanwhile: else the guest has often released its VF before it is suspended.
    inject: async ({ on, source, signal }) => {
      signal("SIGSTOP");
      await on(source, "virsh suspend web").finally(() => signal("SIGCONT"));
    },
    repair: ({ on, source }) => on(source, "virsh resume web; sleep 6"),
    ends: ["stays"],
  },
  {
    name: "the VM is paused",
    phase: "before",
    inject: ({ on, source }) => on(source, "virsh suspend web"),
    repair: ({ on, source }) => on(source, "virsh resume web"),
    ends: ["refused"],
  },
  {
    name: "no VF is free on the destination",
    phase: "before",
    inject: ({ on, destination }) =>
      on(destination, vfNetdevs("ip link set $n up; ip address add 192.0.2.1/32 dev $n")),
    repair: ({ on, destination }) => on(destination, vfNetdevs("ip address flush dev $n; ip link set $n down")),
    ends: ["refused"],
  },
  {
    name: "the destination's PF is down",
    phase: "before",
    inject: ({ on, destination }) => on(destination, "ip link set pf0 down"),
    repair: ({ on, destination }) => on(destination, "ip link set pf0 up; sleep 3"),
    ends: ["refused"],
  },
  {
    name: "the destination has no bridge",
    phase: "before",
    inject: ({ on, destination }) => on(destination, "ip link set br0 down; ip link set br0 name br9"),
    repair: ({ on, destination }) => on(destination, "ip link set br9 name br0; ip link set br0 up"),
    ends: ["refused"],
  },
  {
    name: "the destination has no memory",
    phase: "before",
    inject: ({ on, destination }) =>
      on(
        destination,
        "mount -t tmpfs -o size=3g tmpfs /mnt; head -c $(( ($(awk '/MemFree/{print $2}' /proc/meminfo) - 150000) * 1024 )) /dev/zero > /mnt/ballast; true",
      ),
    repair: ({ on, destination }) => on(destination, "umount /mnt"),
    ends: ["refused"],
  },
  {
    name: "another tool takes the reserved VF",
    phase: "migrate",
    inject: ({ on, destination }) => on(destination, thief),
    repair: ({ on, destination }) =>
      on(
        destination,
        "virsh destroy thief; for v in 0 2 4 6; do virsh dumpxml web | grep -q \"slot='0x10' function='0x$v'\" || virsh nodedev-reattach pci_0000_01_10_$v; done; true",
      ),
    ends: ["moved"],
  },
  {
    name: "the destination's PF goes down meanwhile",
    phase: "migrate",
    inject: ({ on, destination }) => on(destination, "ip link set pf0 down"),
    repair: ({ on, destination }) => on(destination, "ip link set pf0 up; sleep 3"),
    ends: ["moved"],
  },
  {
    name: "the VM is shut off meanwhile",
    phase: "migrate",
    after: 1500,
    options: slowly,
    inject: ({ on, source }) => on(source, "virsh destroy web || true"),
    ends: ["off"],
  },
  {
    name: "another tool moves the VM meanwhile",
    phase: "reserve",
    inject: ({ on, source, destination }) =>
      on(
        source,
        `timeout 60 virsh -q migrate --live --persistent --undefinesource web qemu+ssh://${destination.name}/system --migrateuri tcp://${destination.migrationAddress}`,
      ),
  },
  {
    name: "our process is killed in plug, and an operator pauses the VM",
    phase: "plug",
    // Nothing but the paused copy is left of the VM: it must not be taken for one that waits for its memory.
    inject: async ({ signal, on, destination, recover }) => {
      signal("SIGKILL");
      await on(destination, "virsh suspend web");
      const code = await recover();
      if (code !== 4) throw new Error(`The recovery of a paused VM ended with ${code}, not with 4 (unclear).`);
    },
    repair: ({ on, destination }) => on(destination, "virsh resume web"),
    ends: ["moved"],
  },
  ...deaths,
  {
    name: "a second mover comes",
    phase: "migrate",
    inject: async ({ moveToo }) => {
      const code = await moveToo();
      if (code !== 1) throw new Error(`The second mover ended with ${code}, not with 1 (refused).`);
    },
    ends: ["moved"],
    quick: true,
  },
];

/** A domain without anything that takes the first reserved VF; it never runs a single instruction. */
const thief = `for v in 0 2 4 6; do readlink /sys/bus/pci/devices/0000:01:10.$v/driver | grep -q vfio-pci && break; done
cat > /tmp/thief.xml <<X
<domain type='kvm'><name>thief</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/><memballoon model='none'/>
<hostdev mode='subsystem' type='pci' managed='no'><source><address domain='0' bus='1' slot='0x10' function='$v'/></source></hostdev></devices></domain>
X
virsh -q create /tmp/thief.xml --paused`;

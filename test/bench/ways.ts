/** The ways to move a VM that are compared: each makes its own kind of network for the guest, and moves it. */
import { join } from "node:path";
import { z } from "zod";
import type { MoveReport } from "../../provider/migration/report/report.js";
import type { LabState } from "../lab/lab.js";
import { bridge, type LabGuest, type LabHost } from "../lab/layout.js";
import { inNamespace } from "../lab/network.js";
import { run } from "../lab/command.js";
import { ssh } from "../lab/ssh.js";
import type { WayName } from "./way-names.js";

export interface Way {
  /** Gives the guest its network on the host where it runs. */
  prepare(lab: LabState, guest: LabGuest, host: LabHost): Promise<void>;
  move(lab: LabState, guest: LabGuest, from: LabHost, to: LabHost): Promise<Moved | undefined>;
}

/** What a way tells of its own move. */
export interface Moved {
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly seconds: number;
  readonly report: MoveReport;
}

const virsh = "virsh -q -c qemu:///system";
/** What an operator would type; the hosts know each other's keys. */
const migrate = ({ name }: LabGuest, to: LabHost) =>
  `${virsh} migrate --live --persistent --undefinesource ${name} qemu+ssh://${to.name}/system --migrateuri tcp://${to.migrationAddress}`;

const standby = ({ mac }: LabGuest, teaming: string) =>
  `<interface type='bridge'><mac address='${mac}'/><source bridge='${bridge}'/><model type='virtio'/><link state='up'/><alias name='ua-standby'/>${teaming}</interface>`;
const primary = ({ mac }: LabGuest) =>
  `<interface type='hostdev' managed='yes'><mac address='${mac}'/><source><address type='pci' domain='0' bus='1' slot='0x10' function='0'/></source><driver name='vfio'/><alias name='ua-vf'/><teaming type='transient' persistent='ua-standby'/></interface>`;

async function attach(lab: LabState, { name }: LabGuest, host: LabHost, xml: string): Promise<void> {
  await ssh(
    lab.image,
    host,
    `cat > /tmp/device.xml && ${virsh} attach-device ${name} /tmp/device.xml --live --config`,
    { input: xml },
  );
}

const pair = async (lab: LabState, guest: LabGuest, host: LabHost) => {
  await attach(lab, guest, host, standby(guest, "<teaming type='persistent'/>"));
  await attach(lab, guest, host, primary(guest));
};

export const ways: Readonly<Record<WayName, Way>> = {
  /** No VF at all: the switch-over that every way has. */
  "virtio-only": {
    prepare: (lab, guest, host) => attach(lab, guest, host, standby(guest, "")),
    async move(lab, guest, from, to) {
      await ssh(lab.image, from, migrate(guest, to));
      return undefined;
    },
  },
  /** The VF stays in the domain: QEMU unplugs it, and plugs the destination's. Nothing is announced. */
  "libvirt-failover": {
    prepare: pair,
    async move(lab, guest, from, to) {
      await ssh(lab.image, from, migrate(guest, to));
      return undefined;
    },
  },
  /** What an operator does by hand: detach the VF, wait until it is gone, migrate, attach. */
  runbook: {
    prepare: pair,
    async move(lab, guest, from, to) {
      await ssh(
        lab.image,
        from,
        `cat > /tmp/vf.xml && ${virsh} detach-device ${guest.name} /tmp/vf.xml --live --config && while ${virsh} dumpxml ${guest.name} | grep -q ua-vf; do sleep 0.2; done && ${migrate(guest, to)}`,
        { input: primary(guest) },
      );
      await attach(lab, guest, to, primary(guest));
      return undefined;
    },
  },
  ours: ours(),
  "ours-early": ours("early"),
  "ours-late": ours("late"),
};

function ours(...unplug: readonly string[]): Way {
  return {
    prepare: async (_lab, guest, host) => {
      await inside("prepare", guest.name, host.name);
    },
    move: async (_lab, guest, _from, to) =>
      moved.parse(JSON.parse(await inside("move", guest.name, to.name, ...unplug))),
  };
}

const moved = z.object({ began: z.number(), seconds: z.number(), report: z.custom<MoveReport>() });

/** Our own move runs where it reaches the hosts; it times itself, without Node.js's start. */
async function inside(...args: string[]): Promise<string> {
  const [program, argv] = inNamespace([
    process.execPath,
    "--import",
    "tsx",
    join(import.meta.dirname, "ours.ts"),
    ...args,
  ]);
  return (await run(program, argv)).stdout;
}

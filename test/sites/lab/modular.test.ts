/** Hosts with a daemon for each part of libvirt, and without the one for network interfaces. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { run } from "../../lab/command.js";
import { requireLab, type LabState } from "../../lab/lab.js";
import { hosts } from "../../lab/layout.js";
import { ensureDaemons } from "../../lab/modular.js";
import { ssh } from "../../lab/ssh.js";
import {
  answersAsRecorded,
  cli,
  configure,
  endLibvirtd,
  host1,
  host2,
  moves,
  onBoth,
  restartLibvirtd,
  untilItAnswers,
  web,
} from "../site.js";

/** Neither virtproxyd, which would serve libvirtd's socket, nor virtinterfaced. */
const started = ["virtqemud", "virtnetworkd", "virtnodedevd"];
/** What a libvirt that was built for them has by default: its clients ask the daemons themselves. */
const clients = "/etc/libvirt/libvirt.conf";
const direct = `cp ${clients} /opt/libvirt.conf; printf 'uri_default = "qemu:///system"\\nremote_mode = "direct"\\n' > ${clients}`;
/** libvirtd does not start while one of them holds the lock of its driver. */
const ended = started
  .map((daemon) => `pkill -x ${daemon}; while pgrep -x ${daemon} > /dev/null; do sleep 0.2; done;`)
  .join(" ");

describe.skipIf(labSkipped !== undefined)("modular daemons", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
    configure(lab);
    const folder = await ensureDaemons(lab.image, (line) => console.log(line));
    const { stdout } = await run("sh", ["-c", `tar -C ${folder} -cz . | base64 -w0`]);
    await Promise.all(
      hosts.map((host) =>
        ssh(lab.image, host, "mkdir -p /opt/daemons; base64 -d | tar -C /opt/daemons -xz", { input: stdout }),
      ),
    );
    const uuid = `grep host_uuid /etc/libvirt/libvirtd.conf | tail -n 1 | tee ${started.map((daemon) => `/etc/libvirt/${daemon}.conf`).join(" ")}`;
    const start = started.map((daemon) => `/opt/daemons/${daemon} -d;`).join(" ");
    await onBoth(
      lab,
      `${endLibvirtd}; rm -f /run/libvirt/libvirt-sock*; ${uuid}; ${direct}; ${start} ${untilItAnswers}`,
    );
  });
  afterAll(async () => {
    await onBoth(lab, `${ended} cp /opt/libvirt.conf ${clients}; rm -rf /opt/daemons`);
    await restartLibvirtd(lab);
  });

  test("doctor names the daemon that is missing, and plan and moves work", async () => {
    await answersAsRecorded(lab, "modular");
    const { text } = await cli("doctor");
    expect(text).toContain("virtinterfaced");
    const planned = await cli("plan", web.name, "--to", host2.name);
    expect(planned.status, planned.text).toBe(0);
    for (const to of [host2, host1]) await moves(lab, to);
  });
});

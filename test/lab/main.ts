/** `npm run lab -- up [--topology separate|shared] | status [--json] | ssh host1 -- CMD… | probe start|stop [--json] | run -- CMD… | down` */
import { spawnSync } from "node:child_process";
import { Command, Option } from "commander";
import { guestNamed, hostNamed, type Topology } from "./layout.js";
import { down, ensureGuest, requireLab, status, up } from "./lab.js";
import { inNamespace } from "./network.js";
import { startProbe, stopProbe } from "./probe.js";
import { sshHere } from "./ssh.js";

const say = (line: string) => console.error(line);
const program = new Command("npm run lab --").description(
  "Two emulated SR-IOV hypervisors, a guest and a probe on this machine.",
);

program
  .command("up")
  .description("bring the lab up: host1, host2, and the guest web on host1")
  .addOption(
    new Option("--topology <where>", "whether the standby's bridge has a NIC of its own or sits on the VFs' PF")
      .choices(["separate", "shared"])
      .default("separate"),
  )
  .action(async ({ topology }: { topology: Topology }) => {
    await up(topology, say);
    say("The lab is up.");
  });
program
  .command("status")
  .option("--json", "as one line of JSON")
  .action(async ({ json }: { json?: boolean }) => {
    const now = await status();
    if (json === true) {
      console.log(JSON.stringify(now));
      return;
    }
    console.log(now.up ? `up, ${now.topology ?? ""} topology${now.probing ? ", probing" : ""}` : "down");
    for (const host of now.hosts)
      console.log(`${host.name}: ${host.domains.map((d) => `${d.name} (${d.state})`).join(", ") || "no guests"}`);
  });
program
  .command("ssh <host> <command...>")
  .description("run a command on a host: ssh host1 -- virsh list")
  .action((host: string, command: string[]) => {
    process.exitCode = sshHere(requireLab().image, hostNamed(host), command);
  });
program
  .command("run <command...>")
  .description("run a command of this machine where it can reach the hosts: run -- pulumi preview")
  .action((command: string[]) => {
    requireLab();
    const [name, args] = inNamespace(command);
    process.exitCode = spawnSync(name, args, { stdio: "inherit" }).status ?? 1;
  });
program
  .command("guest <name>")
  .description("start another guest of the lab")
  .option("--host <host>", "where", "host1")
  .action(async (name: string, { host }: { host: string }) =>
    ensureGuest(requireLab(), guestNamed(name), say, hostNamed(host).name),
  );

const probe = program.command("probe").description("one echo request every 50 ms from outside the hosts to a guest");
probe.command("start [guest]").action(async (guest = "web") => {
  requireLab();
  await startProbe(guestNamed(guest as string).address);
});
probe
  .command("stop")
  .option("--json", "as one line of JSON")
  .action(async ({ json }: { json?: boolean }) => {
    const result = await stopProbe();
    console.log(json === true ? JSON.stringify(result) : `${result.lost} of ${result.sent} probes lost`);
  });
program.command("down").description("end everything of the lab").action(down);

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

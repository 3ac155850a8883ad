/**
 * Hosts of a fleet in a process of their own, as hosts are: they share no event loop with what is measured.
 * `host-server VMS ROUND-TRIP-MS FOLDER [furnished]`; the sockets are `FOLDER/<host>`. Any message is answered with the
 * calls since the last.
 */
import { join } from "node:path";
import { fleet, furnish } from "../hosts/fleet.js";

export interface Calls {
  /** Those that are about one domain. */
  readonly ofDomains: number;
  readonly ofHosts: number;
  readonly hosts: number;
  readonly byProcedure: Readonly<Record<string, number>>;
}

async function main([vms, roundTrip, folder = "", furnished]: string[]): Promise<void> {
  const hosts = fleet(Number(vms));
  if (furnished !== undefined) furnish(hosts, Number(vms));
  for (const host of hosts) {
    host.delay = Number(roundTrip);
    await host.listen(join(folder, host.name));
  }
  process.on("message", () => {
    const byProcedure: Record<string, number> = {};
    let ofDomains = 0;
    let ofHosts = 0;
    for (const { journal } of hosts) {
      for (const procedure of journal) {
        byProcedure[procedure] = (byProcedure[procedure] ?? 0) + 1;
        if (procedure.startsWith("domain_")) ofDomains++;
        else ofHosts++;
      }
      journal.length = 0;
    }
    process.send?.({ ofDomains, ofHosts, hosts: hosts.length, byProcedure } satisfies Calls);
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ hosts: hosts.map(({ name }) => name) });
}

void main(process.argv.slice(2));

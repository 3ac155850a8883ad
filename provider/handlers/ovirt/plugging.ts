/** Adding, plugging and unplugging NICs, where a lost answer does not mean that nothing was done. */
import { randomUUID } from "node:crypto";
import {
  activateNic,
  addNic,
  deactivateNic,
  findNic,
  listNics,
  mayHaveArrived,
  recentEvents,
  type EngineClient,
  type EngineNic,
  type EngineVm,
  type NicWrite,
} from "../../backends/ovirt/rest/index.js";
import { until } from "./until.js";

export type NewNic = NicWrite & { readonly name: string };

/** AuditLogType.java: the command failed, and nothing of it is left. With the request's correlation id. */
const addFailed = 933;
const updateFailed = 935;

/** Plugs or unplugs: of a pair, both devices. @throws OvirtFault, EngineUnreachable */
export async function setPlugged(client: EngineClient, vm: EngineVm, nic: EngineNic, plugged: boolean): Promise<void> {
  const correlationId = randomUUID();
  try {
    await (plugged ? activateNic : deactivateNic)(client, vm.id, nic.id, { correlationId });
  } catch (error) {
    if (!mayHaveArrived(error)) throw error;
    const done = await outcome(client, { vm, nic, correlationId, failure: updateFailed }, async () => {
      const now = await findNic(client, vm.id, nic.id);
      return now?.plugged === plugged ? now : undefined;
    });
    if (done === undefined) throw error;
  }
}

/** Once, although the answer may be lost: its name is the VM's only one. @throws OvirtFault, EngineUnreachable */
export async function addedOnce(client: EngineClient, vm: EngineVm, nic: NewNic): Promise<EngineNic> {
  const correlationId = randomUUID();
  try {
    return await addNic(client, vm.id, nic, { correlationId });
  } catch (error) {
    if (!mayHaveArrived(error)) throw error;
    const added = await outcome(client, { vm, nic, correlationId, failure: addFailed }, async () =>
      (await listNics(client, vm.id)).find(
        ({ name, plugged }) => name === nic.name && (nic.plugged === undefined || plugged === nic.plugged),
      ),
    );
    if (added === undefined) throw error;
    return added;
  }
}

interface Asked {
  readonly vm: EngineVm;
  readonly nic: Pick<EngineNic | NicWrite, "interface">;
  readonly correlationId: string;
  /** The event's code. */
  readonly failure: number;
}

/** What became of the request, which the engine goes on with although the answer is lost. Undefined: it failed, or is not seen. */
async function outcome<T>(
  client: EngineClient,
  asked: Asked,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const found = await until({}, secondsFor(asked), async () => {
    const now = await look();
    if (now !== undefined) return { now };
    return (await failed(client, asked)) ? { now: undefined } : undefined;
  });
  return found?.now;
}

async function failed(client: EngineClient, { correlationId, failure }: Asked): Promise<boolean> {
  const events = await recentEvents(client);
  return events.some((event) => event.code === failure && event.correlationId === correlationId);
}

/** The hosts have 30 s for each device of a pair. What is done in the database only is there at once. */
function secondsFor({ vm, nic }: Asked): number {
  if (vm.status === "down") return 0;
  return nic.interface === "pci_passthrough" ? 70 : 5;
}

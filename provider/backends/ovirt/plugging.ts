/** Adding, plugging and unplugging NICs, where a lost answer does not mean that nothing was done. */
import { randomUUID } from "node:crypto";
import {
  activateNic,
  addNic,
  deactivateNic,
  eventCodes,
  findNic,
  listNics,
  mayHaveArrived,
  OvirtFault,
  recentEvents,
  type EngineClient,
  type EngineNic,
  type EngineVm,
  type NicWrite,
} from "./rest/index.js";
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
    const action = `${plugged ? "plug" : "unplug"} NIC "${nic.name}" of VM "${vm.name}"`;
    const done = await outcome(client, { vm, nic, correlationId, failure: updateFailed, action }, async () => {
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
    const action = `add NIC "${nic.name}" to VM "${vm.name}"`;
    const added = await outcome(client, { vm, nic, correlationId, failure: addFailed, action }, async () =>
      (await listNics(client, vm.id)).find(
        ({ name, plugged }) => name === nic.name && (nic.plugged === undefined || plugged === nic.plugged),
      ),
    );
    if (added === undefined) throw error;
    return added;
  }
}

interface HostFactsCache {
  readonly vm: EngineVm;
  readonly nic: Pick<EngineNic | NicWrite, "interface">;
  readonly correlationId: string;
  /** The event's code. */
  readonly failure: number;
  /** What was to be done, for the error. */
  readonly action: string;
}

/**
 * What became of the request, which the engine goes on with although the answer is lost. Undefined: nothing is seen of it.
 * @throws OvirtFault: it failed, in the words of the events, as the answer would have been.
 */
async function outcome<T>(
  client: EngineClient,
  asked: HostFactsCache,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  return until({}, secondsFor(asked), async () => {
    const now = await look();
    if (now !== undefined) return now;
    const failure = await failureOf(client, asked);
    if (failure !== undefined) throw failure;
    return undefined;
  });
}

/** Undefined: no event tells of one. */
async function failureOf(
  client: EngineClient,
  { vm, correlationId, failure, action }: HostFactsCache,
): Promise<OvirtFault | undefined> {
  const events = await recentEvents(client);
  const end = events.findIndex((event) => event.code === failure && event.correlationId === correlationId);
  const told = events[end];
  if (told === undefined) return undefined;
  // Those of the plug itself come before it, with correlation ids of their own, and of the host without a VM.
  const plug = events
    .slice(0, end)
    .findLast(({ code, vm: about }) => code === eventCodes.plugFailed && about?.id === vm.id);
  const why = [plug, told].flatMap((event) => event?.description ?? []).join(" ");
  return new OvirtFault(
    { code: "engine-fault", what: `Unable to ${action}: ${why}`, where: client.where },
    400,
    undefined,
    why,
    plug === undefined ? undefined : "ACTIVATE_NIC_FAILED",
  );
}

/** The hosts have 30 s for each device of a pair. What is done in the database only is there at once. */
function secondsFor({ vm, nic }: HostFactsCache): number {
  if (vm.status === "down") return 0;
  return nic.interface === "pci_passthrough" ? 70 : 5;
}

/** Who wants to hear what happens to domains (src/remote/remote_daemon_dispatch.c, domain event callbacks). */
import type { Body, MessageName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { refusals } from "./refusals.js";
import type { Peer } from "./rpc-endpoint.js";

/** virDomainEventID, with the message that carries it. */
const eventIds = {
  domain_event_callback_lifecycle: 0,
  domain_event_callback_device_removed: 15,
  domain_event_callback_device_added: 19,
  domain_event_callback_device_removal_failed: 22,
} as const satisfies Partial<Record<MessageName, number>>;

export type EventMessage = keyof typeof eventIds;

export class EventRegistrations {
  private readonly registrations = new Map<number, { readonly peer: Peer; readonly eventId: number }>();
  private last = 0;

  register(peer: Peer, eventId: number): number {
    const id = (this.last += 1);
    this.registrations.set(id, { peer, eventId });
    peer.onEnd(() => this.registrations.delete(id));
    return id;
  }

  /** @throws Refusal */
  deregister(id: number): void {
    if (!this.registrations.delete(id)) throw refusals.noCallback(id);
  }

  get count(): number {
    return this.registrations.size;
  }

  emit<M extends EventMessage>(message: M, body: (callbackID: number) => Body<M>): void {
    for (const [id, { peer, eventId }] of this.registrations)
      if (eventId === eventIds[message]) peer.send(message, body(id));
  }
}

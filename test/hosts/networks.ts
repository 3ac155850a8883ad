/** The libvirt networks of one host, with libvirt's own refusals (src/conf/virnetworkobj.c). */
import type { Network } from "../../provider/backends/libvirt/rpc/datatypes.js";
import { child, parseXml, textOf } from "../../provider/xml/element.js";
import { refusals } from "./refusals.js";

interface Defined extends Network {
  readonly xml: string;
}

export class Networks {
  private readonly defined = new Map<string, Defined>();

  /** @throws Refusal */
  define(xml: string): Network {
    const root = parseXml(xml);
    const name = textOf(child(root, "name")) ?? "";
    const uuid = textOf(child(root, "uuid")) ?? crypto.randomUUID();
    const present = this.defined.get(uuid);
    if (present !== undefined && present.name !== name) throw refusals.networkDefined(present.name, uuid);
    const namesake = this.all().find((each) => each.name === name && each.uuid !== uuid);
    if (namesake !== undefined) throw refusals.networkExists(name, namesake.uuid);
    this.defined.set(uuid, { name, uuid, xml });
    return { name, uuid };
  }

  all(): Network[] {
    return [...this.defined.values()].map(({ name, uuid }) => ({ name, uuid }));
  }

  /** @throws Refusal */
  byName(name: string): Network {
    const found = this.all().find((each) => each.name === name);
    if (found === undefined) throw refusals.noNetworkNamed(name);
    return found;
  }

  /** @throws Refusal */
  byUuid(uuid: string): Network {
    return { name: this.require(uuid).name, uuid };
  }

  /** Names of those that are started: a network that is only defined is not (bridge_driver.c, networkDefineXMLFlags). */
  readonly started = new Set<string>();

  /** @throws Refusal */
  isActive({ uuid }: Network): boolean {
    return this.started.has(this.require(uuid).name);
  }

  /** @throws Refusal */
  xml({ uuid }: Network): string {
    return this.require(uuid).xml;
  }

  /** @throws Refusal */
  undefine({ uuid }: Network): void {
    this.require(uuid);
    this.defined.delete(uuid);
  }

  private require(uuid: string): Defined {
    const found = this.defined.get(uuid);
    if (found === undefined) throw refusals.noNetwork(uuid);
    return found;
  }
}

/**
 * The network interfaces that a host's kernel makes of its PCI functions, and what each is used for. libvirt's node devices
 * know names and links, its interface driver bridges, bonds and VLANs; `ip`, where commands are allowed, knows the rest: an
 * interface that is switched on and has no link, its addresses, and devices of other kinds on top of it.
 */
import * as z from "zod";
import { parseHostInterface } from "./xml/host-interface.js";
import { ListNodeDevices } from "./constants.js";
import { jsonIn } from "../../model/json.js";
import { ProblemError } from "../../model/problem.js";
import { undefinedOn, type LibvirtHost } from "./host.js";
import { asUnreachable } from "./host-errors.js";
import { nodeDeviceNamed } from "./node-device.js";
import { LibvirtError } from "./rpc/errors.js";
import { DriverMissing } from "./rpc/optional-drivers.js";
import { remoteCommand, SshError } from "./transport/index.js";

export interface Netdev {
  /** libvirt's name of it: `net_eth2_0c_c4_7a_00_11_22`. */
  readonly nodeDevice: string;
  readonly name: string;
  /** libvirt's name of the PCI function that it belongs to: `pci_0000_01_10_2`. */
  readonly parent: string | undefined;
  /** `up`, `down`, `lowerlayerdown`, …; undefined: libvirt does not say. */
  readonly linkState: string | undefined;
  /** Whether it is switched on, with or without a link. Undefined: not known. */
  readonly switchedOn?: boolean | undefined;
  /** The bridge, bond or other device that it is a port of. */
  readonly master?: string | undefined;
  /** `10.1.2.3/24`. */
  readonly addresses?: readonly string[] | undefined;
  /** VLANs and other devices on top of it. */
  readonly uppers?: readonly string[] | undefined;
}

export interface Netdevs {
  readonly netdevs: readonly Netdev[];
  /** PCI functions, by libvirt's names, that serve as vDPA devices. */
  readonly vdpaParents: readonly string[];
  /** Why nothing is known of them: the host's libvirt has no node devices. */
  readonly missing?: DriverMissing | undefined;
}

/** Of the whole host, as it is now. */
export async function netdevsOn(host: LibvirtHost, { commands }: { readonly commands: boolean }): Promise<Netdevs> {
  const names = await nodeDeviceNames(host);
  if (names instanceof DriverMissing) return { netdevs: [], vdpaParents: [], missing: names };
  const [devices, uses] = await Promise.all([
    Promise.all(names.map((name) => nodeDeviceNamed(host, name))),
    usesOn(host, { commands, nodeDevices: names }),
  ]);
  const found = devices.flatMap((device) => (device?.kind === "net" ? device : []));
  return {
    netdevs: found.map(({ name: nodeDevice, interface: name, parent, linkState }) => ({
      ...{ nodeDevice, name, parent, linkState },
      ...uses(name),
    })),
    vdpaParents: devices.flatMap((device) =>
      device?.kind === "other" && device.name.startsWith("vdpa_") && device.parent !== undefined ? device.parent : [],
    ),
  };
}

/**
 * Those of libvirt's names, looked at again.
 * @returns undefined: one of them is gone.
 */
export async function netdevsAgain(
  host: LibvirtHost,
  names: readonly string[],
  { commands }: { readonly commands: boolean },
): Promise<readonly Netdev[] | undefined> {
  const [devices, uses] = await Promise.all([
    Promise.all(names.map((name) => nodeDeviceNamed(host, name))),
    usesOn(host, { commands }),
  ]);
  const found = devices.flatMap((device) => (device?.kind === "net" ? device : []));
  if (found.length < names.length) return undefined;
  return found.map(({ name: nodeDevice, interface: name, parent, linkState }) => ({
    ...{ nodeDevice, name, parent, linkState },
    ...uses(name),
  }));
}

/**
 * By `ip`, or else by libvirt's interface driver.
 * @param nodeDevices libvirt's names of the host's netdevs. Default: they are asked for where they are needed.
 */
async function usesOn(
  host: LibvirtHost,
  { commands, nodeDevices }: { readonly commands: boolean; readonly nodeDevices?: readonly string[] },
): Promise<Uses> {
  return (await linksOn(host, commands)) ?? usesByInterfaces(host, nodeDevices ?? nodeDeviceNames(host));
}

/** What the host itself uses the interface for, in words; undefined: nothing. */
export function useOf({
  name,
  linkState,
  switchedOn,
  master,
  addresses = [],
  uppers = [],
}: Omit<Netdev, "nodeDevice">): string | undefined {
  const isOn = switchedOn ?? (linkState === undefined ? undefined : linkState !== "down" && linkState !== "notpresent");
  const uses = [
    ...(isOn === true ? ["is up"] : []),
    ...(master === undefined ? [] : [`is a port of ${master}`]),
    ...(addresses.length === 0 ? [] : [`has the address ${addresses.join(", ")}`]),
    ...(uppers.length === 0 ? [] : [`carries ${uppers.join(", ")}`]),
    ...(isOn === undefined ? ["has a link whose state libvirt does not report"] : []),
  ];
  return uses.length === 0 ? undefined : `its netdev ${name} ${uses.join(", ")}`;
}

type Uses = (name: string) => Pick<Netdev, "switchedOn" | "master" | "addresses" | "uppers">;

async function nodeDeviceNames(host: LibvirtHost): Promise<readonly string[] | DriverMissing> {
  const flags = ListNodeDevices.NET | ListNodeDevices.VDPA;
  const connection = await host.connection();
  return connection.call("connect_list_all_node_devices", { need_results: 1, flags }).then(
    ({ devices }) => devices.map(({ name }) => name),
    (error: unknown) => {
      if (error instanceof DriverMissing) return error;
      throw error;
    },
  );
}

/** Of `ip -json -details address show`. */
const ipLinks = z.array(
  z.looseObject({
    ifname: z.string(),
    flags: z.array(z.string()),
    master: z.string().optional(),
    /** The device below it. */
    link: z.string().nullish(),
    addr_info: z.array(z.looseObject({ local: z.string().optional(), prefixlen: z.number().optional() })).optional(),
  }),
);

/** Undefined: no command may be run, or `ip` does not answer. */
async function linksOn(host: LibvirtHost, commands: boolean): Promise<Uses | undefined> {
  if (!commands) return undefined;
  try {
    const answer = await host.command(remoteCommand`ip -json -details address show`);
    return answer?.code === 0 ? usesByIp(answer.stdout) : undefined;
  } catch (error) {
    // A mover that was overtaken must not go on; what `ip` cannot tell libvirt does.
    if (error instanceof ProblemError && !(error instanceof SshError) && asUnreachable(error) === undefined)
      throw error;
    return undefined;
  }
}

/** By what `ip -json -details address show` says; undefined where that is not understood. */
export function usesByIp(json: string): Uses | undefined {
  const parsed = ipLinks.safeParse(jsonIn(json));
  if (!parsed.success) return undefined;
  return (name) => {
    const own = parsed.data.find(({ ifname }) => ifname === name);
    return {
      switchedOn: own?.flags.includes("UP"),
      master: own?.master,
      addresses: (own?.addr_info ?? []).flatMap(({ local, prefixlen }) =>
        local === undefined ? [] : `${local}${prefixlen === undefined ? "" : `/${prefixlen}`}`,
      ),
      uppers: parsed.data.flatMap(({ ifname, link }) => (link === name ? ifname : [])),
    };
  };
}

/** By libvirt's interface driver: the bridges, bonds and VLANs, which are no node devices. */
async function usesByInterfaces(host: LibvirtHost, nodeDevices: NodeDeviceNames): Promise<Uses> {
  const others = await interfacesBeside(host, nodeDevices);
  return (name) => ({
    master: others.find(({ ports }) => ports.includes(name))?.name,
    uppers: others.flatMap(({ name: upper, below = [] }) => (below.includes(name) ? upper : [])),
  });
}

type NodeDeviceNames = readonly string[] | ReturnType<typeof nodeDeviceNames>;

/** Of libvirt's name `net_eth2_0c_c4_7a_00_11_22`: `eth2`. Undefined: a `_` in it may stand for another character. */
function interfaceOf(nodeDevice: string): string | undefined {
  return /^net_([A-Za-z0-9]+)(_[0-9a-f]{2}){6}$/i.exec(nodeDevice)?.[1];
}

async function interfacesBeside(host: LibvirtHost, nodeDevices: NodeDeviceNames) {
  const connection = await host.connection();
  try {
    const [{ ifaces }, names] = await Promise.all([
      connection.call("connect_list_all_interfaces", { need_results: 1, flags: 0 }),
      nodeDevices,
    ]);
    const others = new Set(names instanceof DriverMissing ? [] : names.map(interfaceOf));
    const asked = ifaces
      .filter(({ name }) => !others.has(name) && name !== "lo")
      .map((iface) =>
        undefinedOn("NO_INTERFACE", () => connection.call("interface_get_xml_desc", { iface, flags: 0 })),
      );
    return (await Promise.all(asked)).flatMap((found) => (found === undefined ? [] : parseHostInterface(found.xml)));
  } catch (error) {
    // The driver is not installed everywhere, or is a daemon of its own that does not run: what it knows is not known.
    if (LibvirtError.is(error)) return [];
    throw error;
  }
}

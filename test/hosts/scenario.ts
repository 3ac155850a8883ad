/**
 * The format of a scenario for `npm run model-hosts`: which hosts there are, and what is on them. Everything has a default;
 * docs/model-hosts.md shows it to users. Objects are strict: a key that is not written here is an error.
 */
import { z } from "zod";
import { VIR_ERR } from "../../provider/backends/libvirt/rpc/errors.js";
import { optionalDrivers } from "../../provider/backends/libvirt/rpc/optional-drivers.js";
import { procedures, type ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { child, parseXml, textOf, XmlError, type Element } from "../../provider/xml/element.js";
import { formatPciAddress, parsePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { clusterSchema } from "../../provider/config/index.js";
import { keysAt, pathText, read, type Mistake } from "../../provider/model/mistake.js";
import { didYouMean } from "../../provider/model/suggestion.js";
import { suggestNames } from "./close-names.js";

const interfaceName = z.string().regex(/^[^\s/:]{1,15}$/, "must be an interface's name of at most 15 characters");
const hostName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "must be a name of letters, digits, '.', '_' and '-'");
const mtu = z.number().int().min(68).max(65_535);
const count = z.number().int().min(0);

const pciAddress = z.string().transform((text, context) => {
  const parsed = parsePciAddress(text);
  if (parsed !== undefined) return formatPciAddress(parsed);
  context.addIssue({ code: "custom", message: 'must be a PCI address such as "0000:01:10.0"' });
  return z.NEVER;
});

const procedure = z.string().transform((name, context): ProcedureName => {
  if (Object.hasOwn(procedures, name)) return name as ProcedureName;
  const close = suggestNames(name, Object.keys(procedures));
  context.addIssue({
    code: "custom",
    message: `is "${name}", which is no procedure of libvirt that this package calls.${close}`,
  });
  return z.NEVER;
});

const errorCode = z.unknown().transform((code, context): number => {
  if (typeof code === "number" && Number.isInteger(code) && code > 0) return code;
  const name = String(code).replace(/^VIR_ERR_/, "");
  if (Object.hasOwn(VIR_ERR, name)) return VIR_ERR[name as keyof typeof VIR_ERR];
  const close = suggestNames(name, Object.keys(VIR_ERR));
  context.addIssue({
    code: "custom",
    message: `is ${JSON.stringify(code)}, which is neither a number nor a name of libvirt's errors.${close}`,
  });
  return z.NEVER;
});

const domainXml = z.string().transform((text, context): Element => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  try {
    const root = parseXml(text);
    if (root.name !== "domain") return refuse(`is <${root.name}>, and must be a <domain>`);
    if (textOf(child(root, "name")) === undefined) return refuse("is a <domain> without <name>");
    return root;
  } catch (error) {
    if (error instanceof XmlError) return refuse(`cannot be used: ${error.message}`);
    throw error;
  }
});

const bridge = z.strictObject({
  /** Default: `br0`, `br1`, … by its place. */
  name: interfaceName.optional(),
  /** Bytes. Default 1500. */
  mtu: mtu.default(1500),
  /** Names of its uplinks. Default: one that nothing else has. */
  ports: z.array(interfaceName).optional(),
  /** Default `linux`. libvirt shows an Open vSwitch bridge as a plain interface. */
  kind: z.enum(["linux", "openvswitch"]).default("linux"),
  /** Whether a Linux bridge looks at VLAN tags. libvirt does not show it. Default false. */
  vlanFiltering: z.boolean().default(false),
});

const netdev = z.strictObject({
  /** Default: the PF's name, `v`, and the VF's number: `pf0v2`. */
  name: interfaceName.optional(),
  /** Default false. */
  up: z.boolean().default(false),
  /** IP addresses with their prefix. libvirt does not show them. Default: none. */
  addresses: z.array(z.string().min(1)).default([]),
  /** The bridge, bond or other interface that it is a port of. libvirt shows Linux bridges. Default: none. */
  master: interfaceName.nullish(),
});

const virtualFunction = z.strictObject({
  /** Default: where an 82576 has it, two functions after the VF before. */
  address: pciAddress.optional(),
  /**
   * The kernel's driver that holds it. Default: that of the PF's other VFs, else `igbvf`. A VF of a running domain is on
   * VFIO, whatever stands here; this is then the driver that it goes back to.
   */
  driver: z.string().min(1).optional(),
  /**
   * The driver to which libvirt gives it back. Default: the one that it had before it was detached. A VF that is on VFIO
   * from the start stays there, as one bound at boot does, unless a domain has it: that goes to the other VFs' driver.
   */
  hostDriver: z.string().min(1).optional(),
  /** VFs of one number share a group. Default: a group of its own. */
  iommuGroup: count.optional(),
  /** Its network interface on the host. Null: none is visible. Default: one that is down. */
  netdev: netdev.nullish(),
});

const physicalFunction = z.strictObject({
  /** Default: `pf0`, `pf1`, … by its place. */
  name: interfaceName.optional(),
  /** Default: `0000:01:00.0`, `0000:02:00.0`, … by its place. */
  address: pciAddress.optional(),
  /** Default true. */
  linkUp: z.boolean().default(true),
  /** Bytes. Default 1500. */
  mtu: mtu.default(1500),
  /** Of the PF and its VFs. Default: the host does not say. */
  numaNode: count.nullish(),
  /** Whether its embedded switch is in switchdev mode. Default false. */
  switchdev: z.boolean().default(false),
  /** Default: four. */
  virtualFunctions: z.array(virtualFunction).optional(),
});

const domain = z
  .strictObject({
    /** The running domain. Null: it does not run, unless `state` says so. */
    live: domainXml.nullish(),
    /** From which it starts. Null: it has none, and is gone when it ends (a transient domain). */
    definition: domainXml.nullish(),
    /** Default: `running` with `live`, else `shutoff`. Without `live` a domain that runs has been started from `definition`. */
    state: z.enum(["running", "paused", "shutoff"]).optional(),
    /** Whether it starts with its host. Default false. */
    autostart: z.boolean().default(false),
    /** How many snapshots it has. Default 0. */
    snapshots: count.default(0),
    /** Whether a block job is at work on one of its disks. Default false. */
    blockJob: z.boolean().default(false),
    /** Why its QEMU cannot migrate, in QEMU's words, beside what its devices say. Default: none. */
    migrationBlockers: z.array(z.string().min(1)).default([]),
  })
  .superRefine(({ live, definition, state, autostart }, context) => {
    const refuse = (message: string) => context.addIssue({ code: "custom", message });
    if (live == null && definition == null) refuse("needs `live`, `definition`, or both");
    if (live != null && state === "shutoff") refuse("has a `live` definition, and so cannot be shut off");
    if (definition == null && autostart) refuse("cannot start with its host: it has no `definition`");
    if (live == null || definition == null) return;
    for (const part of ["name", "uuid"]) {
      const [one, other] = [live, definition].map((root) => textOf(child(root, part)));
      if (one !== undefined && other !== undefined && one !== other)
        refuse(`has ${part} "${one}" in \`live\` and "${other}" in \`definition\``);
    }
  });

const refusal = z.strictObject({
  procedure,
  /** virErrorNumber, or its name: `OPERATION_INVALID`. Default 1, an internal error. */
  code: errorCode.default(VIR_ERR.INTERNAL_ERROR),
  /** In libvirt's whole words. */
  message: z.string().min(1).default("internal error: refused by the scenario"),
  /** How many calls, from the next on. Default 1. */
  times: z.number().int().min(1).default(1),
});

const death = z.strictObject({
  procedure,
  /** Which call of the procedure, counted from 1; 0 is taken for 1. Default 1. */
  occurrence: count.default(1),
  /** `before` the call is carried out, or `after` that and before its answer. Default `before`. */
  moment: z.enum(["before", "after"]).default("before"),
});

const guest = z.strictObject({
  /** What guests do when they are asked to release a device. Default `releases`. */
  unplug: z.enum(["releases", "refuses", "ignores"]).default("releases"),
  /** Milliseconds until they do. Default 2. */
  afterMilliseconds: count.max(600_000).default(2),
});

const host = z.strictObject({
  /** Default: `br0` of 1500 bytes with one uplink. */
  bridges: z.array(bridge).optional(),
  /** Default: `pf0` with four VFs. */
  physicalFunctions: z.array(physicalFunction).optional(),
  /** MemFree of the NUMA nodes, which virNodeGetFreeMemory counts. Default 2048. */
  freeMemoryMiB: count.default(2048),
  /** What the kernel would give up beside it; virNodeGetFreeMemory does not count it. Default 0. */
  cachedMemoryMiB: count.default(0),
  /** Free huge pages by size. Default: none. */
  hugepages: z
    .array(
      z.strictObject({
        sizeKiB: z.number().int().min(4),
        free: count,
        /** NUMA node. Default 0. */
        node: count.optional(),
      }),
    )
    .default([]),
  /** How many NUMA nodes it has. Default 1. */
  numaNodes: z.number().int().min(1).max(64).default(1),
  /** Folders on a file system that libvirt takes for shared (NFS, CephFS, GFS2, …). Default: none. */
  sharedFolders: z
    .array(z.string().regex(/^\/.+[^/]$/, "must be a folder's path without a slash at its end"))
    .default([]),
  /** Default: none; where no host names any, the first one runs VM `web`, which has no interface. */
  domains: z.array(domain).optional(),
  /** Calls that fail, having done nothing. Default: none. */
  refuse: z.array(refusal).default([]),
  /** `migrate_tls_force` of its qemu.conf. Default false. */
  migrateTlsForce: z.boolean().default(false),
  /** The names in its certificate for migrations; none: it has no certificate. Default: the host's own. */
  migrationCertificate: z.array(hostName).optional(),
  /** Modular daemons that are not installed: what they would answer fails as with libvirt. Default: none. */
  missingDaemons: z.array(z.enum(optionalDrivers)).default([]),
  /** False: nothing listens at its socket. Default true. */
  reachable: z.boolean().default(true),
  /** The call at which it loses power, for good. Default: none. */
  diesAt: death.nullish(),
  /** Default: guests release it at once. */
  guest: guest.default({ unplug: "releases", afterMilliseconds: 2 }),
  /** How long the memory of a VM that leaves this host takes. Default 4. */
  migrationMilliseconds: count.max(600_000).default(4),
});

export const scenarioSchema = z.strictObject({
  /** As in `vnic-failover:cluster`. Default: `data` on bridge `br0`, `data-vf` with the VFs of `pf0`. */
  networks: clusterSchema.shape.networks.unwrap().optional(),
  /** Default: `host1` and `host2`. A host may be `{}`. */
  hosts: z
    .record(hostName, host)
    .refine((hosts) => Object.keys(hosts).length > 0, "must name at least one host")
    .optional(),
});

export type Scenario = z.output<typeof scenarioSchema>;
export type HostScenario = z.output<typeof host>;
export type DomainScenario = z.output<typeof domain>;
export type PhysicalFunctionScenario = z.output<typeof physicalFunction>;
export type BridgeScenario = z.output<typeof bridge>;

/** Its lines name each value at fault by its path. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
  constructor(readonly faults: readonly string[]) {
    super(faults.join("\n"));
  }
}

/** @throws ScenarioError */
export function parseScenario(value: unknown): Scenario {
  const result = read(scenarioSchema, value, []);
  if ("data" in result) return result.data;
  throw new ScenarioError(result.mistakes.map((mistake) => sentence(mistake)));
}

/** `hosts.host1.bridgs is an unknown key; did you mean "bridges"? Its keys are …` */
function sentence({ path, key, message }: Mistake): string {
  const end = (text: string) => (/[.?]$/.test(text) ? text : `${text}.`);
  if (key === undefined) return end(`${path.length === 0 ? "The scenario" : pathText(path)} ${message}`);
  const known = keysAt(scenarioSchema, path);
  const unknown = end(`${pathText([...path, key])} is an unknown key${didYouMean(key, known)}`);
  return `${unknown} Known are ${known.join(", ")}.`;
}

/** A host without a word. */
export function plainHost(): HostScenario {
  return host.parse({});
}

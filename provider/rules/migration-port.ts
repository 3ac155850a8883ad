import type { Rule } from "./rule.js";
import { quoted } from "./wording.js";

/** Whether the source reaches the destination where libvirt sends the VM's memory: a firewall is found before the VF leaves. */
export interface MigrationPort {
  readonly address: string;
  readonly port: number;
  /** `reached`: connected, or refused by the destination itself, where nothing listens yet. */
  readonly outcome: "reached" | "no answer" | "no route" | "not resolved" | "not tried";
  /** In the source's words, without a full stop. */
  readonly why?: string | undefined;
}

interface PortFacts {
  readonly vm: { readonly name: string };
  readonly source?: { readonly name: string } | undefined;
  readonly destination: {
    readonly name: string;
    readonly migrationPort?: MigrationPort | undefined;
  };
}

const source = "libvirt: src/qemu/qemu.conf.in migration_port_min, migration_port_max";

export const migrationPortRules: readonly Rule<PortFacts>[] = [
  {
    id: "move-migration-port",
    title: "The source reaches the destination's first migration port",
    source,
    checkedAt: ["check", "preflight"],
    severity: "error",
    estimate: true,
    find: ({ source: from, destination: { name, migrationPort } }) => {
      if (migrationPort === undefined || ["reached", "not tried"].includes(migrationPort.outcome)) return undefined;
      const { address, port, outcome, why } = migrationPort;
      const where = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
      return {
        property: "host",
        message: `Host ${quoted(from?.name ?? "")} cannot reach host ${quoted(name)} for the migration at ${where}: ${why ?? outcome}.`,
        remedy:
          outcome === "not resolved"
            ? `Set hosts.${name}.migrationAddress of vnic-failover:cluster to an address that the other hosts reach.`
            : `Open TCP ports 49152 to 49215 of ${name} for the other hosts, or set hosts.${name}.migrationAddress of vnic-failover:cluster to an address that they reach.`,
      };
    },
  },
  {
    id: "move-migration-port-tried",
    title: "It can be tried whether the source reaches the destination's migration port",
    source,
    checkedAt: ["check", "preflight"],
    severity: "warning",
    find: ({ source: from, destination: { name, migrationPort } }) =>
      migrationPort?.outcome === "not tried"
        ? {
            property: "host",
            message: `It was not tried whether host ${quoted(from?.name ?? "")} reaches host ${quoted(name)} at its migration port ${migrationPort.port}: ${migrationPort.why ?? "no command could be run there"}.`,
            remedy: "Make sure that no firewall is between them.",
          }
        : undefined,
  },
];

import { shellWord } from "../model/shell-word.js";
import type { Finding, Rule } from "./rule.js";
import { listed, quoted } from "./wording.js";

/** What libvirt and QEMU themselves say of a migration, asked before anything changes; and what is estimated where they were not asked. */

export interface Disk {
  /** As the guest has it: `vda`. */
  readonly target: string;
  /** libvirt's disk type: `file`, `block`, `network`, `volume`, … */
  readonly type: string;
  readonly source?: string | undefined;
  readonly readonly?: boolean | undefined;
  /** `<shareable/>`. */
  readonly shared?: boolean | undefined;
}

export type Judgement =
  | {
      readonly verdict: "accepted";
      /** Targets of the disks whose contents would be copied. */
      readonly copiedDisks: readonly string[];
    }
  | {
      readonly verdict: "refused";
      /** In libvirt's words. */
      readonly why: string;
      /** For the sake of its disks (VIR_ERR_MIGRATE_UNSAFE). */
      readonly unsafe: boolean;
      /** Because the host takes and sends VMs by TLS alone. */
      readonly tlsForced?: boolean;
    }
  | {
      readonly verdict: "not asked";
      /** Without a full stop. */
      readonly why: string;
    };

interface JudgedFacts {
  readonly vm: {
    readonly name: string;
    readonly disks?: readonly Disk[] | undefined;
    /** Host devices, other than VFs with a standby, that can't migrate. */
    readonly blockingDevices?: readonly string[] | undefined;
    /** Undefined: there was no reason to ask. */
    readonly judgement?: Judgement | undefined;
  };
  readonly source?: { readonly name: string } | undefined;
  readonly destination: { readonly name: string };
}

const qemuMigration = "libvirt: src/qemu/qemu_migration.c";
const refused = { checkedAt: ["check", "preflight"], severity: "error" } as const;
const warnedOf = { checkedAt: ["check", "preflight"], severity: "warning" } as const;

export const judgementRules: readonly Rule<JudgedFacts>[] = [
  {
    id: "move-libvirt-accepts",
    title: "libvirt and QEMU accept the migration, asked before anything changes",
    source: `${qemuMigration} qemuMigrationSrcBeginPhase`,
    ...refused,
    find: ({ vm, source }) => {
      const { judgement, blockingDevices = [] } = vm;
      if (judgement?.verdict !== "refused") return undefined;
      // What other rules say.
      if (judgement.tlsForced === true) return undefined;
      if (blockingDevices.some((device) => judgement.why.includes(device))) return undefined;
      return {
        property: "vm",
        message: `VM ${quoted(vm.name)} cannot migrate. libvirt${source === undefined ? "" : ` on host ${quoted(source.name)}`} says: ${withStop(judgement.why)}${judgement.unsafe ? disksInWords(vm) : ""}`,
        remedy: remedyFor(vm.name, judgement),
      };
    },
  },
  {
    id: "move-libvirt-asked",
    title: "libvirt can be asked whether it accepts the migration",
    source: "libvirt: src/libvirt-domain.c virDomainMigrateBegin3Params",
    ...warnedOf,
    find: ({ vm }) =>
      vm.judgement?.verdict === "not asked"
        ? {
            property: "vm",
            message: `Whether libvirt accepts the migration of VM ${quoted(vm.name)} was not asked: ${vm.judgement.why}.`,
            remedy: "The move asks it before it changes anything.",
          }
        : undefined,
  },
  {
    id: "move-disks-shared",
    title: "Every disk that the VM writes is on storage that both hosts share, where libvirt was not asked",
    source: `${qemuMigration} qemuMigrationSrcIsSafe`,
    ...warnedOf,
    find: ({ vm }) => {
      const local = vm.judgement?.verdict === "not asked" ? writtenFiles(vm.disks) : [];
      return local.length > 0
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} has disks that are files, which must be on a file system that both hosts share: ${listed(local.map(spelledDisk))}.`,
            remedy: "Make sure that they are.",
          }
        : undefined;
    },
  },
  {
    id: "move-disks-copied",
    title: "Disks on local storage are copied only where that is wanted",
    source: `${qemuMigration} qemuMigrationSrcNBDStorageCopy`,
    ...warnedOf,
    find: ({ vm, source, destination }): Finding | undefined => {
      const copied = vm.judgement?.verdict === "accepted" ? vm.judgement.copiedDisks : [];
      if (copied.length === 0) return undefined;
      const disks = copied.map((target) =>
        spelledDisk(vm.disks?.find((disk) => disk.target === target) ?? { target, type: "file" }),
      );
      return {
        property: "vm",
        message: `Disks of VM ${quoted(vm.name)} are copied to host ${quoted(destination.name)}: ${listed(disks)}. Their files stay on host ${quoted(source?.name ?? "")} and are not used any more.`,
        remedy: `Make sure that ${destination.name} has a storage pool with that folder, or files of the same size there.`,
      };
    },
  },
  {
    id: "move-readonly-disks-there",
    title: "Disks that the VM only reads exist on the destination too",
    source: `${qemuMigration} qemuMigrationSrcIsSafe`,
    ...warnedOf,
    find: ({ vm, destination }) => {
      const local = (vm.disks ?? []).filter((disk) => isLocal(disk) && disk.readonly === true);
      return local.length > 0
        ? {
            property: "vm",
            message: `VM ${quoted(vm.name)} reads disks that must be on host ${quoted(destination.name)} under the same path: ${listed(local.map(spelledDisk))}.`,
            remedy: "Copy them to that host, or eject them.",
          }
        : undefined;
    },
  },
];

/** The disks that the guest writes, and that are files. */
export function writtenFiles(disks: readonly Disk[] = []): readonly Disk[] {
  return disks.filter((disk) => isLocal(disk) && disk.readonly !== true);
}

function isLocal({ type, shared }: Disk): boolean {
  return type === "file" && shared !== true;
}

function spelledDisk({ target, source }: Disk): string {
  return source === undefined ? target : `${target}: ${source}`;
}

function disksInWords({ disks }: JudgedFacts["vm"]): string {
  const files = writtenFiles(disks);
  return files.length === 0 ? "" : ` It writes to ${listed(files.map(spelledDisk))}.`;
}

/** By what libvirt and QEMU say (qemuMigrationSrcIsAllowed). */
const remedies: readonly (readonly [RegExp, (vm: string) => string])[] = [
  [/\bsnapshots\b/, (vm) => `Delete its snapshots (virsh snapshot-list ${shellWord(vm)}), then retry.`],
  [/\bblock job\b/, () => "Wait for its block job to finish, or end it with virsh blockjob, then retry."],
  [/\binvtsc\b/, () => "Give its timer tsc a frequency, or take invtsc from its CPU, then restart it."],
  [/VIR_MIGRATE_TLS/, () => "Set tls of the move's migration to true."],
];

function remedyFor(vm: string, { why, unsafe }: { readonly why: string; readonly unsafe: boolean }): string {
  if (unsafe)
    return 'Move its disks to storage that both hosts share, or set nonSharedStorage of the move\'s migration to "copy".';
  const known = remedies.find(([pattern]) => pattern.test(why));
  return known === undefined ? "Remove from the VM what libvirt names, then retry." : known[1](vm);
}

function withStop(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** The kinds of site that the lab can stand for without hardware, as data. */

import { takingTurns } from "../e2e/turns.js";

export interface Variant {
  /** Also its test's: `test/sites/lab/NAME.test.ts`. */
  readonly name: string;
  /** What the lab's hosts and guest are given. */
  readonly given: string;
  /** What is done there. */
  readonly done: string;
  /** What must be seen. */
  readonly seen: string;
  /** Whether `npm test` takes it by turns: it needs nothing but the lab, and takes 4 minutes at most. */
  readonly inTurn: boolean;
  /** libvirt's modular daemons, which are built before, outside of the lab's namespace. Default: not needed. */
  readonly needsDaemons?: boolean;
}

export const variants: readonly Variant[] = [
  {
    name: "answers",
    given: "nothing",
    done: "libvirt and QEMU are asked what the models of hosts (test/hosts) answer",
    seen: "the answers are those that were recorded (test/sites/answers.json), and so the models'",
    inTurn: false,
  },
  {
    name: "nfs",
    given: "host1 exports a folder over NFS 4.2, both hosts have it, and the VM's qcow2 disk is in it",
    done: "moves there and back, while the guest writes to its disk",
    seen: "both moves succeed, and the guest goes on writing",
    inTurn: false,
  },
  {
    name: "local-disk",
    given: "the VM's qcow2 disk is in a folder of host1's own disk",
    done: "plan, a preview of a placement on the other host, migrate; then a move with nonSharedStorage: copy",
    seen: "each refuses, in libvirt's own words, and the VF is never unplugged; the last one copies the disk",
    inTurn: true,
  },
  {
    name: "hugepages",
    given: "pages of 2 MiB are reserved on both hosts, and the VM's memory is of them",
    done: "moves there and back; then the destination has too few of them",
    seen: "both moves succeed; the last is refused before anything changes",
    inTurn: true,
  },
  {
    name: "interface-driver",
    given: "libvirtd without its interface driver on both hosts, as where its package was not installed",
    done: "doctor, plan and a move",
    seen: "all work; doctor names what is missing",
    inTurn: true,
  },
  {
    name: "modular",
    given: "virtqemud, virtnodedevd and the like in place of libvirtd, and no virtinterfaced",
    done: "doctor, plan and moves there and back",
    seen: "all work; doctor names the daemon that is missing",
    inTurn: false,
    needsDaemons: true,
  },
  {
    name: "jump",
    given: "host2 is reached through host1, by ProxyJump of an SSH configuration",
    done: "moves there and back",
    seen: "both succeed, and the announcer goes the same way",
    inTurn: true,
  },
  {
    name: "command",
    given: "command=ssh in the hosts' URIs: the system's ssh, with and without a jump host",
    done: "moves there and back",
    seen: "both succeed, and the announcer goes the same way",
    inTurn: true,
  },
  {
    name: "tls",
    given: "qemu+tls to both hosts; then libvirt that begins no migration without TLS (migrate_tls_force)",
    done: "moves there and back; then plan, migrate and a preview without tls, and pulumi up and migrate with it",
    seen: "the first succeed; those without TLS are refused before anything changes, and the moves with it succeed",
    inTurn: false,
  },
  {
    name: "firewall",
    given: "the destination drops, rejects as firewalld does, or resets what comes to its migration ports",
    done: "plan and migrate; then a move without all that",
    seen: "the first two are refused with the port's number, the VF never unplugged; the third is rolled back",
    inTurn: true,
  },
];

/** @throws Error that lists those that there are. */
export function variantNamed(name: string): Variant {
  const variant = variants.find((candidate) => candidate.name === name);
  if (variant === undefined)
    throw new Error(`There is no variant "${name}" of the lab: there are ${variants.map((v) => v.name).join(", ")}.`);
  return variant;
}

/** Whose turn it is at that commit: each of them once in a while, and the same one whenever that commit is tested. */
export function turnOf(commit: string, among: readonly Variant[] = variants): Variant | undefined {
  return takingTurns(
    among.filter(({ inTurn }) => inTurn),
    // By other digits than the end-to-end tests (test/e2e/turns.ts): else some of them would never meet.
    commit.slice(24),
  );
}

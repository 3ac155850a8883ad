import type { SshUri } from "../../../config/host-uri.js";
import { type RemoteCommand, remoteCommand } from "./remote-command.js";

/** libvirt's own proxy from standard input and output to its socket (src/remote/remote_ssh_helper.c), by what it is to reach, and whether for reading alone. */
const helperCommands: Readonly<Record<string, RemoteCommand>> = {
  "qemu:///system auto false": remoteCommand`virt-ssh-helper qemu:///system`,
  "qemu:///system auto true": remoteCommand`virt-ssh-helper -r qemu:///system`,
  "qemu:///system direct false": remoteCommand`virt-ssh-helper 'qemu:///system?mode=direct'`,
  "qemu:///system direct true": remoteCommand`virt-ssh-helper -r 'qemu:///system?mode=direct'`,
  "qemu:///system legacy false": remoteCommand`virt-ssh-helper 'qemu:///system?mode=legacy'`,
  "qemu:///system legacy true": remoteCommand`virt-ssh-helper -r 'qemu:///system?mode=legacy'`,
  "qemu:///session auto false": remoteCommand`virt-ssh-helper qemu:///session`,
  "qemu:///session auto true": remoteCommand`virt-ssh-helper -r qemu:///session`,
  "qemu:///session direct false": remoteCommand`virt-ssh-helper 'qemu:///session?mode=direct'`,
  "qemu:///session direct true": remoteCommand`virt-ssh-helper -r 'qemu:///session?mode=direct'`,
  "qemu:///session legacy false": remoteCommand`virt-ssh-helper 'qemu:///session?mode=legacy'`,
  "qemu:///session legacy true": remoteCommand`virt-ssh-helper -r 'qemu:///session?mode=legacy'`,
};

/** The one that opens what the URI names; none is a command with a socket in it that a user named. */
export function helperCommand(uri: SshUri): RemoteCommand | undefined {
  return uri.socketGiven ? undefined : helperCommands[`${uri.name} ${uri.mode} ${uri.readOnly}`];
}

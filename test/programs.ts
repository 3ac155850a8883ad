/** Programs that unit tests start by their names. */
import { findProgram } from "../toolchain/debian.js";
import type { Requirement } from "../toolchain/requirement.js";

const program = (name: string, debianPackage: string, purpose: string): Requirement => ({
  name,
  purpose,
  neededBy: "tests",
  find: () => findProgram(name),
  packages: [debianPackage],
});

export const openssl = program("openssl", "openssl", "the certificates of the oVirt test engine");
export const sshKeygen = program("ssh-keygen", "openssh-client", "the keys of the tests' SSH server");
export const python = program("python3", "python3", "the programs that run on hosts");
export const ssh = program("ssh", "openssh-client", "what OpenSSH itself makes of its configuration");
export const sshAgent = program("ssh-agent", "openssh-client", "the tests' SSH agent");
export const sshAdd = program("ssh-add", "openssh-client", "the keys of the tests' SSH agent");

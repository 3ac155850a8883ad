/** The audit's findings, X1 to X36, and what became of each. `npm run test:security` runs the tests of each and prints the table. */

export interface Finding {
  readonly id: string;
  /** The attacker's means. */
  readonly means: string;
  /**
   * `refused`: it does not act. `bounded`: it costs no more than the tests say. `documented`: it acts, or a part of it does beyond
   * what its tests refuse; docs/security.md says so with this sentence, and what can be done about it.
   */
  readonly verdict: "refused" | "bounded" | "documented";
  /** For `documented`: a sentence of docs/security.md, word by word. */
  readonly sentence?: string;
}

export const findings: readonly Finding[] = [
  { id: "X1", means: "a forged journal names another VM of the same name", verdict: "refused" },
  { id: "X2", means: "forged metadata names a network, VLAN or MAC", verdict: "refused" },
  {
    id: "X3",
    means: "a compromised source writes the domain that its destination starts",
    verdict: "documented",
    sentence: "a host that VMs are moved away from is trusted by the hosts that they are moved to",
  },
  { id: "X4", means: "one host keeps a profile differently", verdict: "refused" },
  { id: "X5", means: "a host refuses keys and asks for the password", verdict: "refused" },
  { id: "X6", means: "a VM of the same name is started on another host", verdict: "refused" },
  { id: "X7", means: "a pull request's code runs in a preview", verdict: "refused" },
  { id: "X8", means: "a package of the command's name is published", verdict: "refused" },
  { id: "X9", means: "a journal that a preview finds", verdict: "refused" },
  { id: "X10", means: "another host key, after one that no_verify=1 took", verdict: "refused" },
  { id: "X11", means: "escape sequences in a host's text", verdict: "refused" },
  { id: "X12", means: "a fault made to be slow to look up", verdict: "bounded" },
  { id: "X13", means: "an error text of dots", verdict: "bounded" },
  { id: "X14", means: "a host that answers pings and nothing else", verdict: "bounded" },
  { id: "X15", means: "one VM's metadata cannot be read", verdict: "bounded" },
  { id: "X16", means: "a forged journal names a device that is bound to VFIO", verdict: "refused" },
  { id: "X17", means: "another user of the operator's machine", verdict: "refused" },
  { id: "X18", means: "a host talks through the announcer without end", verdict: "bounded" },
  { id: "X19", means: "a guest names addresses of others", verdict: "bounded" },
  { id: "X20", means: "NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment", verdict: "refused" },
  { id: "X21", means: "a guest's agent reports a NIC that was unplugged", verdict: "refused" },
  { id: "X22", means: "a journal that claims to be at work for months", verdict: "bounded" },
  { id: "X23", means: "links in the folder of reports", verdict: "refused" },
  { id: "X24", means: "a VM's name, or a move's length, beyond what a file takes", verdict: "bounded" },
  { id: "X25", means: "a VM's name that a shell would run", verdict: "refused" },
  { id: "X26", means: "an error that quotes the configuration", verdict: "refused" },
  { id: "X27", means: "an engine sends secrets back, or pages without end", verdict: "bounded" },
  {
    id: "X28",
    means: "Pulumi's own verbose log",
    verdict: "documented",
    sentence: "`pulumi up -v=9 --logtostderr` makes the engine itself print secret configuration in clear",
  },
  { id: "X29", means: "modules in the home folder of the hosts' account", verdict: "refused" },
  { id: "X30", means: "a guest's frame with impossible offsets", verdict: "bounded" },
  { id: "X31", means: "a private key that others may read", verdict: "refused" },
  { id: "X32", means: "lines of known_hosts that are not understood", verdict: "refused" },
  { id: "X33", means: "a network called constructor", verdict: "refused" },
  {
    id: "X34",
    means: "install scripts of dependencies",
    verdict: "documented",
    sentence: "The package has no install scripts; of what is installed with it, Pulumi's SDK, protobufjs does",
  },
  { id: "X35", means: "an action, or a release, that another changed", verdict: "refused" },
  { id: "X36", means: "two movers on slow connections", verdict: "refused" },
];

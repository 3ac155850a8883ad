/** Which tests show the rows of docs/sites.md, as data. */

/** A file, the title of a test or group in it or the name of a fault, and where that has cases the name of one. */
export type Proof = readonly [file: string, title: string, ofCase?: string | undefined];

const pair: Proof = ["test/e2e/failover-pair.test.ts", "declares the pair, moves the VM, and leaves clean hosts"];
const variant = (name: string, title: string): Proof => [`test/sites/lab/${name}.test.ts`, title];
const kind = (title: string, ofCase?: string): Proof => ["test/sites/kinds.test.ts", title, ofCase];
const preflight = (title: string, ofCase?: string): Proof => ["test/migration/preflight.test.ts", title, ofCase];
const libvirtRefuses = (what: string) => preflight("and refuses %s: the VM keeps its VF", what);
const vfIsUsed = (how: string): Proof => ["test/backends/libvirt/free-vfs.test.ts", "%s", how];
const transport = (name: string, title: string, ofCase?: string): Proof => [
  `test/backends/libvirt/transport/${name}.test.ts`,
  title,
  ofCase,
];
const daemons = (title: string): Proof => ["test/cli/commands/libvirt/missing-daemons.test.ts", title];
const restricted = (title: string): Proof => ["test/e2e/restricted-account.test.ts", title];
const bridges = (title: string): Proof => ["test/migration/bridges.test.ts", title];
const uri = (text: string): Proof => ["test/config/host-uri.test.ts", "%s is refused", text];
/** By hosts that say what breaks the rule, and then the words of its examples. */
const rule = (id: string): readonly Proof[] => [
  ["test/rules/reachable/moves.test.ts", id],
  ["test/rules/placement.test.ts", id],
];

/** By the first cell of their rows. */
export const shownBy: Readonly<Record<string, readonly Proof[]>> = {
  // Storage
  "no disk": [pair],
  "a file on NFS": [variant("nfs", "the VM moves there and back, and the guest goes on writing")],
  "a file on CephFS, GFS2, OCFS2, GlusterFS, or in a folder of `shared_filesystems` of `qemu.conf`": [
    preflight("a file on a shared file system moves"),
  ],
  "a file on the host's own disk": [
    variant("local-disk", "plan, preview and migrate refuse in libvirt's own words"),
    libvirtRefuses("a disk that is a file of its own host"),
  ],
  'the same, with `nonSharedStorage: "copy"`': [
    variant("local-disk", "with nonSharedStorage it is copied, and the guest goes on writing"),
  ],
  "a block device: LVM, Fibre Channel, iSCSI": [kind("%s moves", "a block device")],
  "a network disk: RBD, iSCSI, NBD": [
    kind("%s moves", "RBD"),
    kind("%s moves", "iSCSI by QEMU"),
    kind("%s moves", "NBD"),
  ],
  "an NVMe disk (`type='nvme'`)": [kind("an NVMe disk is not")],
  "a CD-ROM or another file that is only read": [kind("a CD-ROM moves, with a warning of its file")],
  "snapshots, or a block job at work": [libvirtRefuses("snapshots"), libvirtRefuses("a block job")],
  "a TPM's state, NVRAM": [
    [
      "test/migration/dead-host.test.ts",
      "undefines a VM with NVRAM, TPM, snapshots, checkpoints and a managed save: %s",
    ],
  ],

  // Memory
  "ordinary pages": [
    pair,
    preflight("counts what the kernel would give up"),
    preflight("is set aside by name, and the report says so"),
  ],
  "huge pages of 2 MiB": [
    variant("hugepages", "the VM moves there and back, its memory in huge pages on both"),
    variant("hugepages", "a destination with too few free ones is refused before anything changes"),
    preflight("of huge pages is not the host's ordinary memory"),
  ],
  "huge pages of 1 GiB, of several sizes, or of NUMA nodes by `<numatune>`": [
    kind("of 1 GiB move"),
    kind("of two sizes are counted by the guest's NUMA nodes"),
    preflight("of huge pages is counted on the NUMA nodes that it must come from"),
  ],

  // Daemons and programs on the hosts
  "libvirtd of 11.3, QEMU 10.0": [pair],
  "libvirtd without its interface driver (a package of its own on Debian)": [
    variant("interface-driver", "doctor names it, and plan and moves work"),
  ],
  "modular daemons (virtqemud, …), without virtproxyd and virtinterfaced": [
    variant("modular", "doctor names the daemon that is missing, and plan and moves work"),
  ],
  "modular daemons without virtnodedevd": [
    daemons("a pair is planned, previewed, drained and moved, where its VFs are known"),
  ],
  "modular daemons without virtnetworkd": [
    daemons("a pair is planned, previewed, drained and moved, where its VFs are known"),
    daemons("a profile, at preview and when it is made"),
  ],
  "older ones": [...rule("move-libvirt-version"), ...rule("move-qemu-version")],
  "`migrate_tls_force = 1`": [
    ["test/migration/tls.test.ts", "is found before anything changes: %s"],
    variant("tls", "where migrations must be by it, one without is refused before anything changes"),
    ...rule("move-tls-forced"),
  ],
  "`migration: { tls: true }`": [
    ["test/migration/tls.test.ts", "asks for it in every phase, and one without in none"],
    variant("tls", "a preview refuses a placement without tls, and pulumi up moves the VM with it"),
  ],
  "polkit or socket permissions that do not let the account in": [
    ["test/handlers/libvirt/vnic-profile.test.ts", "a host that refuses the login is an error"],
    [
      "test/handlers/hosts-that-cannot-be-asked.test.ts",
      "fails the check of a %s, whatever unreachableHosts is, and raises no warning",
      "does not let its user use libvirt",
    ],
    restricted("is not let in by libvirt without the polkit rule"),
  ],
  "Python from 3.6 on, also RHEL's `platform-python`; no iproute2": [
    pair,
    ["test/backends/libvirt/host-programs/old-python.test.ts", "need nothing that Python 3.6 has not: %s"],
    [
      "test/backends/libvirt/host-programs/old-python.test.ts",
      "the announcer makes its frames, and sets and reads a VF by netlink where there is no ip",
    ],
    transport("remote-python", "is run by RHEL's own Python where there is no python3, by root and by sudo"),
  ],
  "no Python on the hosts, or `hostCommands: false`": [
    restricted("moves a VM with its VF, and QEMU announces it"),
    transport("remote-python", "names python3 where there is none at all"),
  ],

  // Access
  "`qemu+ssh` as root, by key": [pair],
  "an account that may use libvirt's socket and nothing else": [
    restricted("moves a VM with its VF, and QEMU announces it"),
  ],
  "the announcer by `sudo -n`": [
    transport("remote-python", "is run by sudo, which asks nothing, for any other account"),
  ],
  "`~/.ssh/config` and jump hosts": [variant("jump", "the VM moves %s")],
  "`command=`: the system's ssh": [variant("command", "the VM moves, reached %s")],
  "certificates, FIDO keys, second factors": [
    transport("ssh-config", "that asks for a certificate says so where a login fails"),
    [
      "test/security/ssh.test.ts",
      "an authority for host certificates is named in the refusal of a host that is not known",
    ],
  ],
  "SSH passwords": [
    transport("ssh", "works with a password, asked for in either way"),
    ["test/security/ssh.test.ts", "is given where the host's URI names it"],
  ],
  "`qemu+tls`": [
    transport("tls", "takes part in a move"),
    variant("tls", "hosts are reached by it, and the VM moves there and back"),
  ],
  "`qemu+tcp`, `qemu+libssh`, `qemu+libssh2`, `qemu+ext`": [
    ["test/pulumi/configuration.test.ts", "of the %s package"],
    uri("qemu+tcp://host1/system"),
    uri("qemu+libssh://host1/system"),
    uri("qemu+libssh2://host1/system"),
    uri("qemu+ext:///system"),
  ],
  "`qemu+unix`": [transport("ssh", "is connected to"), preflight("a file on a shared file system moves")],
  "`vnic-failover:readOnly`": [
    ["test/security/read-only.test.ts", "looks at everything, and asks for nothing that libvirt refuses to readers"],
    ["test/security/read-only.test.ts", "refuses %s before anything is begun", "move"],
  ],

  // Networks
  "a bridge with a NIC of its own, or on the VFs' PF": [pair, ...rule("move-standby-uplink-apart")],
  "migration ports that a firewall drops, or rejects as firewalld does": [
    variant("firewall", "%s: plan and migrate refuse, and the VF is never unplugged"),
    preflight("is tried from the source, and a firewall is found before the VF leaves"),
  ],
  "… that it resets (`REJECT --reject-with tcp-reset`)": [
    variant(
      "firewall",
      "a reset in the host's place cannot be told from a port that nothing listens at: the move is rolled back",
    ),
  ],
  "a network whose bridge has another name on the destination": [
    bridges("is the standby's there, and the first one's after the way back: %s"),
    bridges("is so for any NIC on the bridge of a network, and one on another bridge keeps its name"),
  ],
  "… that shares its bridge with other networks on the VM's host alone": [
    bridges("is that of the network which the NIC was declared with"),
    bridges("is not guessed for a NIC of which nothing is recorded"),
  ],
  "a bridge or network of another NIC that the destination lacks": [
    preflight("what other NICs are attached to is looked for, whatever the configuration names"),
  ],
  "a smaller MTU at the destination": [preflight("what the guest has is compared, and not what its bridge has")],
  "VLANs, several networks on one PF": [
    [
      "test/e2e/vf-stays.test.ts",
      "an adopted pair in the second VLAN of a PF goes there and back, and nothing of it changes but its VF",
    ],
  ],

  // Devices
  "a VF of igb in a pair": [pair],
  "VFs of ixgbe, i40e, ice, mlx5, bnxt and others": [
    ["test/backends/libvirt/vf-claims.test.ts", "its driver, where libvirt has bound it to a VFIO variant"],
  ],
  "ice of Linux 5.8 to 5.19, the bridge on its PF": [
    ["test/migration/mac-refused.test.ts", "gives the filter up, and gets it back when the VF is plugged"],
  ],
  "VFs bound to VFIO at boot": [
    ["test/backends/libvirt/vf-claims.test.ts", "VFIO, where it was there at boot, on both hosts"],
  ],
  "VFs that the host, a container or vDPA uses": [
    ["test/faults/faults.ts", "no VF is free on the destination"],
    vfIsUsed("up"),
    vfIsUsed("in a bridge"),
    vfIsUsed("in a container"),
    ...rule("move-free-vfs"),
  ],
  "a VF without a standby": [
    kind("a VF without a standby is a host device that cannot migrate"),
    ["test/rules/reachable/declarations.test.ts", "interface-vf-has-standby"],
  ],
  "a GPU or another PCI device that cannot migrate": rule("move-no-other-host-device"),
  "virtiofs, `<shmem>`, mediated devices": [
    libvirtRefuses("virtiofs"),
    libvirtRefuses("shared memory of others"),
    libvirtRefuses("a mediated device"),
  ],
  "a VF on a root port with `hotplug='off'`": [
    [
      "test/handlers/libvirt/root-ports.test.ts",
      "keep a VF from being moved: the plan says it, and nothing is unplugged",
    ],
    ["test/rules/reachable/pairs.test.ts", "teaming-primary-hot-plugs"],
  ],
  "a host without an IOMMU, or without VFIO": rule("move-passthrough-ready"),
  "guests: Linux from 4.18 on": [pair],
  "older guests, where the guest agent tells": [...rule("move-guest-kernel"), ...rule("move-guest-virtio-drivers")],
};

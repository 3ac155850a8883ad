/** VMs and hosts as the engine shows them, which is a lot: most of it is the same for every one of the inventory's. */
import { element, type Element } from "../../provider/xml/element.js";
import type { Host, Model, Vm } from "./model.js";
import { blankTemplate, collection, guid, link, rel, resource, text } from "./parts.js";

const vmActions = [
  ..."ticket reboot migrate cancelmigration commitsnapshot clone freezefilesystems logon maintenance".split(" "),
  ..."previewsnapshot autopincpuandnumanodes reordermacaddresses thawfilesystems undosnapshot screenshot".split(" "),
  ..."shutdown start stop suspend reset export detach".split(" "),
];

const vmCollections = [
  ..."nics numanodes katelloerrata permissions tags affinitylabels snapshots applications hostdevices".split(" "),
  ..."reporteddevices sessions backups checkpoints diskattachments cdroms mediateddevices watchdogs".split(" "),
  ..."graphicsconsoles statistics".split(" "),
];

/** What an action's answer has of the VM. */
export function vmLinksXml(vm: Vm): Element {
  return resource("vm", `vms/${vm.id}`, vm, links(`vms/${vm.id}`, vmActions, vmCollections));
}

/** `allContent`: with what the engine leaves out of a list unless it is asked. */
export function vmXml(vm: Vm, allContent: boolean): Element {
  const path = `vms/${vm.id}`;
  const [actions, ...others] = links(path, vmActions, vmCollections);
  const runs = vm.status !== "down";
  return resource("vm", path, vm, [
    actions,
    ...texts({ name: vm.name, description: "", comment: "" }),
    ...others,
    text("auto_pinning_policy", "disabled"),
    tree("bios", { boot_menu: { enabled: "false" }, type: "q35_ovmf" }),
    tree("cpu", { architecture: "x86_64", topology: { cores: "1", sockets: "1", threads: "1" } }),
    ...texts({ cpu_pinning_policy: "none", cpu_shares: "0", creation_time: created, delete_protected: "false" }),
    tree("display", {
      allow_override: "false",
      ...(runs && { certificate: { content: certificate, organization: "localhost", subject } }),
      copy_paste_enabled: "true",
      disconnect_action: "LOCK_SCREEN",
      disconnect_action_delay: "0",
      file_transfer_enabled: "true",
      monitors: "1",
      smartcard_enabled: "false",
      type: "vnc",
      video_type: "vga",
    }),
    tree("high_availability", { enabled: "false", priority: "0" }),
    allContent ? element("initialization", {}, [text("regenerate_ssh_keys", false)]) : undefined,
    tree("io", { threads: "1" }),
    link("large_icon", "icons", guid("large icon")),
    text("memory", 1_073_741_824),
    tree("memory_policy", { ballooning: "true", guaranteed: "1073741824", max: "4294967296" }),
    tree("migration", {
      auto_converge: "inherit",
      compressed: "inherit",
      encrypted: "inherit",
      parallel_migrations_policy: "inherit",
    }),
    ...texts({ migration_downtime: "-1", multi_queues_enabled: "true", origin: "ovirt" }),
    tree("os", { boot: { devices: { device: "hd" } }, type: "other" }),
    tree("placement_policy", { affinity: "migratable" }),
    link("small_icon", "icons", guid("small icon")),
    element("sso", {}, [element("methods", {}, [element("method", { id: "guest_agent" })])]),
    ...texts({ start_paused: "false", stateless: "false", storage_error_resume_behaviour: "auto_resume" }),
    tree("time_zone", { name: "Etc/GMT" }),
    text("type", "server"),
    tree("usb", { enabled: "false" }),
    text("virtio_scsi_multi_queues_enabled", false),
    link("cluster", "clusters", vm.cluster),
    link("cpu_profile", "cpuprofiles", guid("cpu profile")),
    element("quota", { id: guid("quota") }),
    runs ? text("fqdn", `${vm.name}.example`) : undefined,
    text("next_run_configuration_exists", false),
    runs ? text("run_once", false) : undefined,
    runs ? text("start_time", created) : undefined,
    text("status", vm.status),
    runs ? undefined : text("stop_time", created),
    runs ? link("host", "hosts", vm.host) : undefined,
    link("original_template", "templates", blankTemplate),
    link("template", "templates", blankTemplate),
  ]);
}

const created = "2026-11-25T14:50:07.000Z";
const subject = "O=localhost,CN=127.0.0.2";
const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

interface Figure {
  readonly description: string;
  readonly type: "integer" | "decimal" | "string";
  readonly unit: "bytes" | "percent" | "seconds" | "none";
  /** Of a VM that runs; of one that is down 0. Undefined: none, ever. */
  readonly running?: number;
  /** Also of a VM that is down. */
  readonly always?: number;
  readonly kind?: "counter";
}

const memory = { type: "integer", unit: "bytes", running: 0 } as const;
const share = { type: "decimal", unit: "percent" } as const;

const figures: Readonly<Record<string, Figure>> = {
  "memory.installed": { ...memory, description: "Total memory configured", always: 1_073_741_824 },
  "memory.used": { ...memory, description: "Memory used (agent)", running: 107_374_182 },
  "cpu.current.guest": { ...share, description: "CPU used by guest", running: 1 },
  "cpu.current.hypervisor": { ...share, description: "CPU overhead", running: 0.5 },
  "cpu.current.total": { ...share, description: "Total CPU used", running: 1.5 },
  "migration.progress": { ...share, description: "Migration Progress", running: 0 },
  "memory.buffered": { ...memory, description: "Memory buffered (agent)" },
  "memory.cached": { ...memory, description: "Memory cached (agent)" },
  "memory.free": { ...memory, description: "Memory free (agent)" },
  "memory.unused": { ...memory, description: "Memory unused (agent)" },
  "network.current.total": { ...share, description: "Total network used", running: 0 },
  "disks.usage": {
    description: "Disk usage, in bytes, per filesystem as JSON (agent)",
    type: "string",
    unit: "none",
  },
  "elapsed.time": {
    description: "Elapsed VM runtime",
    type: "integer",
    unit: "seconds",
    running: 100,
    kind: "counter",
  },
};

/** Of the last minutes: percent, where the VM runs. */
const histories = { cpu: 1, memory: 10, network: undefined } as const;

export function vmStatisticsXml(vm: Vm): Element {
  const runs = vm.status !== "down";
  const all = Object.entries(figures).map(([name, { description, type, unit, running, always, kind = "gauge" }]) => {
    const id = guid(name);
    const value =
      name === "migration.progress" ? (vm.migrationProgress ?? 0) : (always ?? (runs ? running : running && 0));
    return resource("statistic", `vms/${vm.id}/statistics/${id}`, { id }, [
      ...texts({ name, description, kind, type, unit }),
      element("values", {}, value === undefined ? [] : [datum(value)]),
      link("vm", "vms", vm.id),
    ]);
  });
  const past = Object.entries(histories).map(([name, value]) =>
    element("statistic", { id: guid(`${name} history`) }, [
      ...texts({
        name: `${name}.usage.history`,
        description: `List of ${name === "cpu" ? "CPU" : name} usage history, sorted by date from newest to oldest, at intervals of 30 seconds`,
        kind: "gauge",
        type: "decimal",
        unit: "percent",
      }),
      element("values", {}, runs && value !== undefined ? Array.from({ length: 8 }, () => datum(value)) : []),
    ]),
  );
  return collection("statistics", [...all, ...past]);
}

function datum(value: number): Element {
  return element("value", {}, [text("datum", value)]);
}

const hostActions = [
  ..."install deactivate activate upgrade syncallnetworks approve commitnetconfig enrollcertificate fence".split(" "),
  ..."forceselectspm iscsidiscover discoveriscsi iscsilogin unregisteredstoragedomainsdiscover".split(" "),
  ..."upgradecheck copyhostnetworks setupnetworks refresh".split(" "),
];

const hostCollections = [
  ..."katelloerrata permissions tags affinitylabels fenceagents devices hooks nics numanodes storage".split(" "),
  ..."networkattachments storageconnectionextensions unmanagednetworks".split(" "),
  ..."externalnetworkproviderconfigurations cpuunits statistics".split(" "),
];

export function hostXml(model: Model, host: Host, allContent: boolean): Element {
  const path = `hosts/${host.id}`;
  const [actions, ...others] = links(path, hostActions, hostCollections);
  const here = [...model.vms.values()].filter((vm) => vm.host === host.id);
  const count = (status?: string) => String(here.filter((vm) => status === undefined || vm.status === status).length);
  const [first] = [...model.hosts.keys()];
  return resource("host", path, host, [
    actions,
    ...texts({ name: host.name, comment: "" }),
    ...others,
    ...texts({ address: host.address, auto_numa_status: "enable" }),
    tree("certificate", { organization: "localhost", subject: `O=localhost,CN=${host.address}` }),
    tree("cpu", {
      name: "Intel(R) Xeon(R) fake",
      speed: "2000",
      topology: { cores: "8", sockets: "1", threads: "1" },
      type: "Secure Intel Westmere Family",
    }),
    tree("device_passthrough", { enabled: "true" }),
    text("external_status", "ok"),
    element("hardware_information", {}, [
      ...texts({ family: "x", manufacturer: "Fake", product_name: "Fake", serial_number: "1" }),
      element(
        "supported_rng_sources",
        {},
        ["urandom", "hwrng", "random"].map((name) => text("supported_rng_source", name)),
      ),
      ...texts({ uuid: guid(host.name), version: "1" }),
    ]),
    allContent ? element("hosted_engine", {}, [text("configured", false)]) : undefined,
    tree("iscsi", { initiator: "iqn.x" }),
    text("kdump_status", "enabled"),
    tree("ksm", { enabled: "false" }),
    tree("libvirt_version", { build: "0", full_version: "libvirt-9.0.0-1.el9", major: "9", minor: "0", revision: "0" }),
    ...texts({ max_scheduling_memory: "67138224128", memory: "68719476736", numa_supported: "false" }),
    tree("os", {
      custom_kernel_cmdline: "",
      description: "Fake EL 9",
      reported_kernel_cmdline: "x",
      type: "RHEL",
      version: { full_version: "9 - 4", major: "9" },
    }),
    ...texts({ ovn_configured: "false", port: "54321" }),
    element("power_management", {}, [
      ...texts({ automatic_pm_enabled: "true", enabled: "false", kdump_detection: "true" }),
      element("pm_proxies"),
    ]),
    ...texts({ protocol: "stomp", reinstallation_required: "false" }),
    tree("se_linux", { mode: "enforcing" }),
    tree("spm", { priority: "5", status: first === host.id ? "spm" : "none" }),
    tree("ssh", { port: "22" }),
    text("status", host.status),
    tree("summary", { active: count("up"), migrating: count("migrating"), total: count() }),
    tree("transparent_hugepages", { enabled: "true" }),
    ...texts({ type: "rhel", update_available: "false" }),
    tree("version", { build: "5", full_version: "vdsm-4.50.5-1.el9", major: "4", minor: "50", revision: "0" }),
    text("vgpu_placement", "consolidated"),
    link("cluster", "clusters", host.cluster),
  ]);
}

function links(path: string, actions: readonly string[], collections: readonly string[]): Element[] {
  return [
    element(
      "actions",
      {},
      actions.map((name) => rel(path, name)),
    ),
    ...collections.map((name) => rel(path, name)),
  ];
}

interface Tree {
  readonly [name: string]: string | Tree;
}

function tree(name: string, content: Tree): Element {
  return element(
    name,
    {},
    Object.entries(content).map(([key, value]) => (typeof value === "string" ? text(key, value) : tree(key, value))),
  );
}

function texts(content: Readonly<Record<string, string>>): Element[] {
  return Object.entries(content).map(([name, value]) => text(name, value));
}

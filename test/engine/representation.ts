/** From the engine's entities to a response's XML, with `href` wherever there is an `id` (LinkHelper.java). */
import { createHash } from "node:crypto";
import { element, type Element } from "../../provider/xml/element.js";
import type { Caller } from "./commands/caller.js";
import type {
  Cluster,
  DataCenter,
  Event,
  Host,
  HostNic,
  Job,
  Model,
  NamedThing,
  Network,
  Nic,
  Profile,
  Vm,
} from "./model.js";

export const apiPath = "/ovirt-engine/api";

type Content = readonly (Element | undefined)[];

export function collection(name: string, members: readonly Element[]): Element {
  return element(name, {}, members);
}

export function apiRoot({ user }: Pick<Caller, "user">): Element {
  const rels = [
    "clusters",
    "datacenters",
    "events",
    "hosts",
    "jobs",
    "networks",
    "networkfilters",
    "vms",
    "vnicprofiles",
  ];
  return element("api", {}, [
    ...rels.map((rel) => element("link", { href: `${apiPath}/${rel}`, rel })),
    element("product_info", {}, [
      text("name", "oVirt Engine"),
      text("vendor", "ovirt.org"),
      element("version", {}, [
        text("build", 7),
        text("full_version", "4.5.7-1.el9"),
        text("major", 4),
        text("minor", 5),
        text("revision", 0),
      ]),
    ]),
    element("authenticated_user", {}, [text("user_name", user)]),
    text("time", new Date().toISOString()),
  ]);
}

export function profileXml(profile: Profile): Element {
  return resource("vnic_profile", `vnicprofiles/${profile.id}`, profile, [
    text("name", profile.name),
    optional("description", profile.description),
    element("pass_through", {}, [text("mode", profile.passThrough ? "enabled" : "disabled")]),
    profile.passThrough ? text("migratable", profile.migratable) : undefined,
    text("port_mirroring", profile.portMirroring),
    Object.keys(profile.customProperties).length === 0
      ? undefined
      : element(
          "custom_properties",
          {},
          Object.entries(profile.customProperties).map(([name, value]) =>
            element("custom_property", {}, [text("name", name), text("value", value)]),
          ),
        ),
    link("failover", "vnicprofiles", profile.failover),
    link("network", "networks", profile.network),
    link("network_filter", "networkfilters", profile.networkFilter),
    profile.qos === undefined ? undefined : element("qos", { id: profile.qos }),
    rel(`vnicprofiles/${profile.id}`, "permissions"),
  ]);
}

export function nicXml(vm: Vm, nic: Nic): Element {
  const path = `vms/${vm.id}/nics/${nic.id}`;
  return resource("nic", path, nic, [
    element(
      "actions",
      {},
      ["activate", "deactivate"].map((name) => rel(path, name)),
    ),
    text("name", nic.name),
    rel(path, "reporteddevices"),
    rel(path, "statistics"),
    text("interface", nic.interface),
    text("linked", nic.linked),
    element("mac", {}, [text("address", nic.mac)]),
    text("plugged", nic.plugged),
    text("synced", true),
    link("vm", "vms", vm.id),
    link("vnic_profile", "vnicprofiles", nic.profile),
  ]);
}

/** What the guest's agent says: net_failover's master has the pair's MAC, and so have both devices. */
export function reportedDevicesXml(vm: Vm, nic: Nic): Element {
  const names = ["hostdev", "bridge"]
    .filter((kind) => vm.devices.some((device) => device.kind === kind && device.mac === nic.mac))
    .map((kind) => (kind === "hostdev" ? "enp6s0" : "enp1s0nsby"));
  const all = names.length > 1 ? ["enp1s0", ...names] : names;
  return collection(
    "reported_devices",
    all.map((name) => {
      const id = guid(`${vm.id}/${name}`);
      return resource("reported_device", `vms/${vm.id}/nics/${nic.id}/reporteddevices/${id}`, { id }, [
        text("name", name),
        text("description", "guest reported data"),
        element("mac", {}, [text("address", nic.mac)]),
        text("type", "network"),
        link("vm", "vms", vm.id),
      ]);
    }),
  );
}

/** `allContent`: with what the engine leaves out of a list unless it is asked. */
export function vmXml(vm: Vm, allContent: boolean): Element {
  const path = `vms/${vm.id}`;
  return resource("vm", path, vm, [
    element(
      "actions",
      {},
      ["migrate", "start", "stop"].map((name) => rel(path, name)),
    ),
    text("name", vm.name),
    rel(path, "nics"),
    rel(path, "applications"),
    rel(path, "statistics"),
    text("status", vm.status),
    allContent ? element("initialization", {}, [text("regenerate_ssh_keys", false)]) : undefined,
    link("cluster", "clusters", vm.cluster),
    vm.status === "down" ? undefined : link("host", "hosts", vm.host),
  ]);
}

export function vmStatisticsXml(vm: Vm): Element {
  const id = guid("migration.progress");
  return collection("statistics", [
    resource("statistic", `vms/${vm.id}/statistics/${id}`, { id }, [
      text("name", "migration.progress"),
      text("description", "Migration Progress"),
      text("kind", "gauge"),
      text("type", "integer"),
      text("unit", "percent"),
      element("values", {}, [element("value", {}, [text("datum", vm.migrationProgress ?? 0)])]),
      link("vm", "vms", vm.id),
    ]),
  ]);
}

export function applicationsXml(vm: Vm): Element {
  const installed = vm.status === "down" ? [] : ["kernel-5.14.0-427.el9.x86_64", "qemu-guest-agent-8.2.0-11.el9"];
  return collection(
    "applications",
    installed.map((name) => {
      const id = guid(name);
      return resource("application", `vms/${vm.id}/applications/${id}`, { id }, [
        text("name", name),
        link("vm", "vms", vm.id),
      ]);
    }),
  );
}

export function networkXml(network: Network, cluster?: Cluster): Element {
  const path = cluster === undefined ? "networks" : `clusters/${cluster.id}/networks`;
  return resource("network", `${path}/${network.id}`, network, [
    text("name", network.name),
    rel(`networks/${network.id}`, "vnicprofiles"),
    text("mtu", network.mtu),
    text("port_isolation", network.portIsolation),
    text("stp", false),
    element("usages", {}, network.vmNetwork ? [text("usage", "vm")] : []),
    text("vdsm_name", network.name),
    cluster === undefined ? undefined : text("status", "operational"),
    cluster === undefined ? undefined : text("required", false),
    cluster === undefined ? undefined : link("cluster", "clusters", cluster.id),
    link("data_center", "datacenters", network.dataCenter),
    network.external ? element("external_provider", { id: guid("provider") }) : undefined,
  ]);
}

export function clusterXml(cluster: Cluster): Element {
  const path = `clusters/${cluster.id}`;
  return resource("cluster", path, cluster, [
    text("name", cluster.name),
    rel(path, "networks"),
    element("version", {}, [text("major", cluster.version.major), text("minor", cluster.version.minor)]),
    text("virt_service", true),
    link("data_center", "datacenters", cluster.dataCenter),
  ]);
}

export function dataCenterXml(dataCenter: DataCenter): Element {
  const path = `datacenters/${dataCenter.id}`;
  return resource("data_center", path, dataCenter, [
    text("name", dataCenter.name),
    rel(path, "networks"),
    text("status", "up"),
  ]);
}

export function hostXml(host: Host, allContent: boolean): Element {
  const path = `hosts/${host.id}`;
  return resource("host", path, host, [
    text("name", host.name),
    rel(path, "nics"),
    rel(path, "devices"),
    rel(path, "statistics"),
    text("address", host.address),
    text("status", host.status),
    allContent ? element("hosted_engine", {}, [text("configured", false)]) : undefined,
    link("cluster", "clusters", host.cluster),
  ]);
}

export function hostNicXml(host: Host, nic: HostNic): Element {
  const path = `hosts/${host.id}/nics/${nic.id}`;
  return resource("host_nic", path, nic, [
    text("name", nic.name),
    nic.virtualFunctions === undefined ? undefined : rel(path, "virtualfunctionallowednetworks"),
    text("bridged", nic.network !== undefined),
    element("mac", {}, [text("address", nic.mac)]),
    text("mtu", 1500),
    text("status", "up"),
    nic.virtualFunctions === undefined
      ? undefined
      : element("virtual_functions_configuration", {}, [
          text("all_networks_allowed", nic.virtualFunctions.allNetworksAllowed),
          text("max_number_of_virtual_functions", nic.virtualFunctions.max),
          text(
            "number_of_virtual_functions",
            host.nics.filter(({ physicalFunction }) => physicalFunction === nic.id).length,
          ),
        ]),
    link("host", "hosts", host.id),
    link("network", "networks", nic.network),
    link("physical_function", `hosts/${host.id}/nics`, nic.physicalFunction),
  ]);
}

/** The host's VFs as PCI devices, with the VM that has them. */
export function hostDeviceXml(host: Host, nic: HostNic): Element {
  const id = Buffer.from(nic.device ?? nic.name).toString("hex");
  return resource("host_device", `hosts/${host.id}/devices/${id}`, { id }, [
    text("name", nic.device ?? nic.name),
    text("capability", "pci"),
    link("host", "hosts", host.id),
    link("vm", "vms", nic.usedBy),
  ]);
}

export function networkFilterXml(filter: NamedThing): Element {
  return resource("network_filter", `networkfilters/${filter.id}`, filter, [text("name", filter.name)]);
}

export function qosXml(dataCenter: DataCenter, qos: NamedThing): Element {
  return resource("qos", `datacenters/${dataCenter.id}/qoss/${qos.id}`, qos, [
    text("name", qos.name),
    text("type", "network"),
    link("data_center", "datacenters", dataCenter.id),
  ]);
}

export function jobXml(job: Job): Element {
  return resource("job", `jobs/${job.id}`, job, [
    text("description", job.description),
    text("status", job.status),
    text("external", false),
    text("auto_cleared", true),
    text("start_time", job.startTime.toISOString()),
    optional("end_time", job.endTime?.toISOString()),
    text("last_updated", (job.endTime ?? job.startTime).toISOString()),
  ]);
}

export function eventXml(model: Model, event: Event): Element {
  const vm = event.vm === undefined ? undefined : model.vms.get(event.vm);
  const id = String(event.id);
  return resource("event", `events/${id}`, { id }, [
    text("description", event.description),
    text("code", event.code),
    optional("correlation_id", event.correlationId),
    text("custom_id", -1),
    text("flood_rate", 30),
    text("index", event.id),
    text("origin", "oVirt"),
    text("severity", event.severity),
    text("time", event.time.toISOString()),
    link("host", "hosts", event.host),
    vm === undefined ? undefined : element("vm", reference("vms", vm.id), [text("name", vm.name)]),
  ]);
}

/** An action as it was sent, with what became of it. */
export function actionXml(sent: Element | undefined, job?: Job): Element {
  return element("action", {}, [
    ...(sent?.children ?? []),
    job === undefined ? undefined : link("job", "jobs", job.id),
    text("status", "complete"),
  ]);
}

/** An action that was refused: the fault in it, under the fault's own status (AbstractBackendActionableResource.java). */
export function failedActionXml(sent: Element | undefined, fault: Element): Element {
  return element("action", {}, [...(sent?.children ?? []), fault, text("status", "failed")]);
}

function resource(name: string, path: string, { id }: { readonly id: string }, content: Content): Element {
  return element(name, { href: `${apiPath}/${path}`, id }, content);
}

function link(name: string, path: string, id: string | undefined): Element | undefined {
  return id === undefined ? undefined : element(name, reference(path, id));
}

function reference(path: string, id: string): Record<string, string> {
  return { href: `${apiPath}/${path}/${id}`, id };
}

function rel(path: string, name: string): Element {
  return element("link", { href: `${apiPath}/${path}/${name}`, rel: name });
}

function text(name: string, value: string | number | boolean): Element {
  return element(name, {}, String(value));
}

function optional(name: string, value: string | undefined): Element | undefined {
  return value === undefined ? undefined : text(name, value);
}

/** An id that is made of a name, as the engine does for what has none. */
function guid(name: string): string {
  const hex = createHash("md5").update(name).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

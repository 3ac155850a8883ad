/** From the engine's entities to a response's XML, with `href` wherever there is an `id` (LinkHelper.java). */
import { element, type Element } from "../../provider/xml/element.js";
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
  NetworkFilter,
  Nic,
  Profile,
  Vm,
} from "./model.js";
import {
  apiPath,
  blankTemplate,
  collection,
  guid,
  link,
  namedLink,
  optional,
  reference,
  rel,
  resource,
  text,
} from "./parts.js";
import { vmLinksXml } from "./vm-representation.js";

export function apiRoot(model: Model): Element {
  const user = reference("users", guid("user"));
  const searchable = new Set(
    "clusters datacenters hosts networks storagedomains templates instancetypes users groups vmpools vms disks".split(
      " ",
    ),
  );
  const active = (things: Iterable<{ readonly status: string }>) => {
    const all = [...things];
    return [text("active", all.filter(({ status }) => status === "up").length), text("total", all.length)];
  };
  return element("api", {}, [
    ...apiCollections.flatMap((rel) => {
      const search = rel === "events" ? "events;from={event_id}" : searchable.has(rel) ? rel : undefined;
      return [
        element("link", { href: `${apiPath}/${rel}`, rel }),
        search && element("link", { href: `${apiPath}/${search}?search={query}`, rel: `${rel}/search` }),
      ].filter((each) => typeof each === "object");
    }),
    element("engine_backup"),
    element("product_info", {}, [
      text("instance_id", guid("instance")),
      text("name", "oVirt Engine"),
      element("version", {}, [
        text("build", 7),
        text("full_version", model.version),
        text("major", 4),
        text("minor", 5),
        text("revision", 0),
      ]),
    ]),
    element("special_objects", {}, [
      element("blank_template", reference("templates", blankTemplate)),
      element("root_tag", reference("tags", guid("tag"))),
    ]),
    element("summary", {}, [
      element("hosts", {}, active(model.hosts.values())),
      element("storage_domains", {}, active([])),
      element("users", {}, active([{ status: "up" }])),
      element("vms", {}, active(model.vms.values())),
    ]),
    text("time", new Date().toISOString()),
    element("authenticated_user", user),
    element("effective_user", user),
  ]);
}

const apiCollections = [
  ..."clusters datacenters events hosts networks roles storagedomains tags bookmarks icons templates".split(" "),
  ..."instancetypes users groups domains vmpools vms disks jobs storageconnections vnicprofiles".split(" "),
  ..."diskprofiles cpuprofiles schedulingpolicyunits schedulingpolicies permissions macpools networkfilters".split(" "),
  ..."operatingsystems externalhostproviders openstackimageproviders openstackvolumeproviders".split(" "),
  ..."openstacknetworkproviders katelloerrata affinitylabels clusterlevels imagetransfers".split(" "),
  ..."externalvmimports externaltemplateimports".split(" "),
];

/** @param within the id of the network as whose part it is shown, as in answers to what changes it. */
export function profileXml(model: Model, profile: Profile, within?: string): Element {
  const path = `${within === undefined ? "" : `networks/${within}/`}vnicprofiles/${profile.id}`;
  const dataCenter = model.networks.get(profile.network)?.dataCenter ?? "";
  return resource("vnic_profile", path, profile, [
    text("name", profile.name),
    optional("description", profile.description),
    rel(path, "permissions"),
    Object.keys(profile.customProperties).length === 0
      ? undefined
      : element(
          "custom_properties",
          {},
          Object.entries(profile.customProperties).map(([name, value]) =>
            element("custom_property", {}, [text("name", name), text("value", value)]),
          ),
        ),
    profile.passThrough ? text("migratable", profile.migratable) : undefined,
    element("pass_through", {}, [text("mode", profile.passThrough ? "enabled" : "disabled")]),
    text("port_mirroring", profile.portMirroring),
    link("failover", "vnicprofiles", profile.failover),
    link("network", "networks", within ?? profile.network),
    link("network_filter", "networkfilters", profile.networkFilter),
    link("qos", `datacenters/${dataCenter}/qoss`, profile.qos),
  ]);
}

export function nicXml(vm: Pick<Vm, "id">, nic: Nic): Element {
  const path = `vms/${vm.id}/nics/${nic.id}`;
  return resource("nic", path, nic, [
    element(
      "actions",
      {},
      ["activate", "deactivate"].map((name) => rel(path, name)),
    ),
    text("name", nic.name),
    ...["networkfilterparameters", "reporteddevices", "statistics"].map((name) => rel(path, name)),
    link("vm", "vms", vm.id),
    text("interface", nic.interface),
    text("linked", nic.linked),
    element("mac", {}, [text("address", nic.mac)]),
    text("plugged", nic.plugged),
    text("synced", true),
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

export function applicationsXml(vm: Vm | undefined): Element {
  const installed = vm === undefined || vm.status === "down" ? [] : ["kernel-5.14.0-427.el9", "qemu-guest-agent-8.2"];
  return collection(
    "applications",
    installed.map((name) => {
      const id = guid(name);
      return resource("application", `vms/${vm?.id ?? ""}/applications/${id}`, { id }, [
        text("name", name),
        link("vm", "vms", vm?.id),
      ]);
    }),
  );
}

export function networkXml(network: Network, cluster?: Cluster): Element {
  const path = cluster === undefined ? "networks" : `clusters/${cluster.id}/networks`;
  const own = `networks/${network.id}`;
  return resource("network", `${path}/${network.id}`, network, [
    text("name", network.name),
    text("description", network.description ?? ""),
    text("comment", ""),
    ...["permissions", "vnicprofiles", "networklabels"].map((name) => rel(own, name)),
    text("mtu", network.mtu),
    text("port_isolation", network.portIsolation),
    text("stp", false),
    element("usages", {}, network.vmNetwork ? [text("usage", "vm")] : []),
    text("vdsm_name", network.name),
    cluster === undefined ? undefined : text("status", "operational"),
    cluster === undefined ? undefined : text("required", false),
    cluster === undefined ? undefined : link("cluster", "clusters", cluster.id),
    link("data_center", "datacenters", network.dataCenter),
    network.external ? link("external_provider", "openstacknetworkproviders", guid("provider")) : undefined,
  ]);
}

/** What clients read of it, and not all that an engine tells: no recording has one. */
export function clusterXml(cluster: Cluster): Element {
  const path = `clusters/${cluster.id}`;
  return resource("cluster", path, cluster, [
    text("name", cluster.name),
    text("description", ""),
    text("comment", ""),
    rel(path, "networks"),
    element("version", {}, [text("major", cluster.version.major), text("minor", cluster.version.minor)]),
    text("virt_service", true),
    link("data_center", "datacenters", cluster.dataCenter),
  ]);
}

/** The same goes for this one. */
export function dataCenterXml(dataCenter: DataCenter): Element {
  const path = `datacenters/${dataCenter.id}`;
  return resource("data_center", path, dataCenter, [
    text("name", dataCenter.name),
    text("description", dataCenter.description ?? ""),
    text("comment", ""),
    rel(path, "networks"),
    rel(path, "qoss"),
    text("local", false),
    text("status", "up"),
  ]);
}

/** `allContent`: with what is left out unless it is asked for, the VFs among it. */
export function hostNicXml(host: Host, nic: HostNic, allContent: boolean): Element {
  const path = `hosts/${host.id}/nics/${nic.id}`;
  const isPf = nic.virtualFunctions !== undefined;
  const isBusyVf = nic.physicalFunction !== undefined && nic.usedBy !== undefined;
  return resource("host_nic", path, nic, [
    element("actions", {}, isPf ? [rel(path, "updatevirtualfunctionsconfiguration")] : []),
    text("name", nic.name),
    ...(isPf ? ["virtualfunctionallowedlabels", "virtualfunctionallowednetworks"] : []).map((name) => rel(path, name)),
    ...["linklayerdiscoveryprotocolelements", "networklabels", "networkattachments", "statistics"].map((name) =>
      rel(path, name),
    ),
    text("boot_protocol", nic.managed === true ? "static" : "none"),
    text("bridged", nic.network !== undefined),
    nic.network === undefined ? undefined : text("custom_configuration", false),
    nic.managed === true
      ? element("ip", {}, [
          text("address", host.address),
          text("gateway", "127.0.0.1"),
          text("netmask", "255.0.0.0"),
          text("version", "v4"),
        ])
      : undefined,
    nic.network === undefined ? undefined : element("ipv6", {}, [text("gateway", "::"), text("version", "v6")]),
    text("ipv6_boot_protocol", "none"),
    nic.base === undefined ? undefined : text("base_interface", nic.base),
    nic.bonded === undefined
      ? undefined
      : element("bonding", {}, [
          element(
            "slaves",
            {},
            nic.bonded.map((id) => element("host_nic", reference(`hosts/${host.id}/nics`, id))),
          ),
        ]),
    element("mac", {}, [text("address", nic.mac)]),
    text("mtu", 1500),
    nic.network === undefined ? undefined : element("properties"),
    text("speed", 1_000_000_000),
    isBusyVf ? undefined : text("status", "up"),
    allContent && nic.virtualFunctions !== undefined
      ? element("virtual_functions_configuration", {}, [
          text("all_networks_allowed", nic.virtualFunctions.allNetworksAllowed),
          text("max_number_of_virtual_functions", nic.virtualFunctions.max),
          text(
            "number_of_virtual_functions",
            host.nics.filter(({ physicalFunction }) => physicalFunction === nic.id).length,
          ),
        ])
      : undefined,
    link("host", "hosts", host.id),
    link("network", "networks", nic.network),
    allContent ? link("physical_function", `hosts/${host.id}/nics`, nic.physicalFunction) : undefined,
  ]);
}

/** Without more than its id. */
export function allowedNetworkXml(host: string, nic: string, network: string): Element {
  return element("network", reference(`hosts/${host}/nics/${nic}/virtualfunctionallowednetworks`, network));
}

/** PCI functions with the VMs that have them, and the netdevs of those that the host has (HostDeviceMapper.java). */
export function hostDevicesXml(host: Host, reported: readonly HostNic[]): readonly Element[] {
  const device = (name: string, more: readonly (Element | undefined)[]): Element => {
    const id = hexOf(name);
    return resource("host_device", `hosts/${host.id}/devices/${id}`, { id }, [text("name", name), ...more]);
  };
  const to = (name: string, of: string) =>
    element(name, reference(`hosts/${host.id}/devices`, hexOf(of)), [text("name", of), link("host", "hosts", host.id)]);
  return host.nics.flatMap((nic, index) => {
    if (nic.base !== undefined || nic.bonded !== undefined) return [];
    const pci = pciName(nic, index);
    const parent = host.nics.findIndex(({ id }) => id === nic.physicalFunction);
    const pf = host.nics[parent];
    const netdev = `net_${nic.name}_${nic.mac}`.replaceAll(/[^A-Za-z0-9]/g, "_");
    return [
      device(pci, [
        text("capability", "pci"),
        text("iommu_group", nic.iommuGroup ?? 100 + index),
        pf && to("physical_function", pciName(pf, parent)),
        nic.virtualFunctions && text("virtual_functions", nic.virtualFunctions.max),
        link("host", "hosts", host.id),
        link("vm", "vms", nic.usedBy),
      ]),
      ...(reported.includes(nic)
        ? [device(netdev, [text("capability", "net"), to("parent_device", pci), link("host", "hosts", host.id)])]
        : []),
    ];
  });
}

function pciName({ device }: HostNic, index: number): string {
  return device ?? `pci_0000_0${index + 1}_00_0`;
}

function hexOf(name: string): string {
  return Buffer.from(name).toString("hex");
}

/** Without more than its id, which is the label itself. */
export function labelXml(path: string, label: string): Element {
  return element("network_label", reference(path, label));
}

export function networkFilterXml({ version = "3.6", ...filter }: NetworkFilter): Element {
  const [major = "", minor = ""] = version.split(".");
  return resource("network_filter", `networkfilters/${filter.id}`, filter, [
    text("name", filter.name),
    element("version", {}, [text("major", major), text("minor", minor)]),
  ]);
}

export function qosXml(dataCenter: DataCenter, qos: NamedThing): Element {
  return resource("qos", `datacenters/${dataCenter.id}/qoss/${qos.id}`, qos, [
    text("name", qos.name),
    text("type", "network"),
    link("data_center", "datacenters", dataCenter.id),
  ]);
}

export function jobXml(job: Job): Element {
  const path = `jobs/${job.id}`;
  return resource("job", path, job, [
    element(
      "actions",
      {},
      ["clear", "end"].map((name) => rel(path, name)),
    ),
    text("description", job.description),
    rel(path, "steps"),
    text("auto_cleared", true),
    optional("end_time", job.endTime?.toISOString()),
    text("external", false),
    text("last_updated", (job.endTime ?? job.startTime).toISOString()),
    text("start_time", job.startTime.toISOString()),
    text("status", job.status),
    link("owner", "users", guid("user")),
  ]);
}

export function eventXml(model: Model, event: Event): Element {
  const vm = model.vms.get(event.vm ?? "");
  const host = model.hosts.get(event.host ?? "");
  const cluster = model.clusters.get(vm?.cluster ?? host?.cluster ?? "");
  const dataCenter = model.dataCenters.get(cluster?.dataCenter ?? "");
  const id = String(event.id);
  return resource("event", `events/${id}`, { id }, [
    text("description", event.description),
    text("code", event.code),
    optional("correlation_id", event.correlationId),
    text("custom_id", -1),
    text("flood_rate", 0),
    text("index", event.id),
    text("origin", "oVirt"),
    text("severity", event.severity),
    text("time", event.time.toISOString()),
    namedLink("cluster", "clusters", cluster),
    namedLink("data_center", "datacenters", dataCenter),
    namedLink("host", "hosts", host),
    namedLink("template", "templates", vm && { id: blankTemplate, name: "Blank" }),
    namedLink("user", "users", event.user === undefined ? undefined : { id: guid("user"), name: event.user }),
    namedLink("vm", "vms", vm),
  ]);
}

/** An action as it was sent, with what became of it: of what is done to a VM the job and the VM, with links only. */
export function actionXml(sent: Element | undefined, done?: { readonly job: Job; readonly vm: Vm }): Element {
  return element("action", {}, [
    ...(sent?.children ?? []),
    done && link("job", "jobs", done.job.id),
    text("status", "complete"),
    done && vmLinksXml(done.vm),
  ]);
}

/** An action that was refused: the fault in it, under the fault's own status (AbstractBackendActionableResource.java). */
export function failedActionXml(sent: Element | undefined, fault: Element): Element {
  return element("action", {}, [...(sent?.children ?? []), fault, text("status", "failed")]);
}

/** The API's resources: which request does what. One table, and what its rows need. */
import { attribute, child, type Element } from "../../provider/xml/element.js";
import { readBody, type SentBody, type Taken } from "./body.js";
import type { Caller } from "./commands/caller.js";
import { addNic, removeNic, updateNic } from "./commands/nics.js";
import { activate, deactivate, type HostParts } from "./commands/hosts.js";
import { Migrations, NoSuchName } from "./commands/migration.js";
import { start, stop } from "./commands/power.js";
import { addProfile, removeProfile, updateProfile } from "./commands/profiles.js";
import type { Disruptions } from "./disruptions.js";
import { EngineFault, listed as listedFault, notFound, restFault } from "./fault.js";
import { follow } from "./follow.js";
import { idIn, isGuid, mapNic, mapProfile, newNic, newProfile, textIn, withIds } from "./mapper.js";
import {
  named,
  newId,
  type Event,
  type Host,
  type HostNic,
  type Job,
  type Model,
  type Network,
  type Nic,
  type Profile,
  type Vm,
} from "./model.js";
import type { Pace } from "./pace.js";
import { collection } from "./parts.js";
import * as xml from "./representation.js";
import { integerAsked } from "./request.js";
import { searchObjects, type SearchObject } from "./search/objects.js";
import { limit, selected, type Facts } from "./search/select.js";
import { reportedNics } from "./virtual-functions.js";
import { hostXml, vmStatisticsXml, vmXml } from "./vm-representation.js";

export interface ApiRequest {
  readonly method: string;
  /** Below the API: `/vms/…`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly sent: SentBody | undefined;
  readonly caller: Caller;
  /** The request asks for what is left out otherwise (`all_content`, as header `All-Content`). */
  readonly allContent: boolean;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body?: Element | undefined;
}

/** What a row gets of a request, its body read. */
interface Call {
  readonly query: URLSearchParams;
  readonly body: Element;
  readonly caller: Caller;
  readonly allContent: boolean;
}

interface Row {
  readonly method: string;
  /** `:name` stands for an id. */
  readonly path: string;
  readonly takes?: Taken | undefined;
  readonly handle: (call: Call, ids: Ids) => ApiAnswer | Promise<ApiAnswer>;
}

/** The ids of a path, in their order. */
type Ids = readonly [string, string, string];

const nothing: Element = { name: "", attributes: {}, children: [] };

export class Api {
  readonly #rows: readonly (Row & { readonly pattern: RegExp })[];

  readonly #migrations: Migrations;

  constructor(
    private readonly model: Model,
    pace: Pace,
    disruptions: Disruptions,
  ) {
    this.#migrations = new Migrations(model, pace, disruptions);
    this.#rows = table({ model, migrations: this.#migrations, pace }, disruptions).map((row) => ({
      ...row,
      pattern: new RegExp(`^${row.path.replaceAll(/:\w+/g, "([^/]+)")}/?$`),
    }));
  }

  /** @throws EngineFault */
  async moveBySystem(vm: string, host: string): Promise<void> {
    const moved = named(this.model.vms, vm);
    const caller = { user: "SYSTEM", correlationId: newId() };
    await this.#migrations.start({ vm: moved, id: moved?.id ?? vm, host: { name: host }, caller, bySystem: true });
  }

  /** As after a restart. */
  forget(): void {
    this.#migrations.forget();
  }

  /** The methods that the path has; none: there is no such path. */
  methods(path: string): readonly string[] {
    return this.#rows.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  }

  /** @throws EngineFault, HtmlError */
  async answer(request: ApiRequest): Promise<ApiAnswer> {
    const row = this.#rows.find(({ pattern, method }) => method === request.method && pattern.test(request.path));
    if (row === undefined) throw notFound();
    const [, first = "", second = "", third = ""] = row.pattern.exec(request.path) ?? [];
    if ([first, second, third].some((id) => id !== "" && !isGuid(id)) && !row.path.startsWith("/events")) {
      throw notFound();
    }
    const body =
      row.takes === undefined ? nothing : readBody(request.sent ?? { text: "", format: "xml", origin: "" }, row.takes);
    const answer = await row.handle({ ...request, body }, [first, second, third]);
    const wanted = request.query.get("follow");
    if (wanted === null || wanted === "" || request.method !== "GET" || answer.body === undefined) return answer;
    const get = async (path: string) => (await this.answer({ ...request, path, query: new URLSearchParams() })).body;
    return { ...answer, body: await follow(answer.body, wanted, get) };
  }
}

/** What the calls with a body take. */
const takes = {
  addProfile: {
    type: "VnicProfile",
    call: "vnic_profiles/methods/add",
    parameter: "profile",
    mandatory: ["name", "network.id"],
  },
  addAssignedProfile: {
    type: "VnicProfile",
    call: "assigned_vnic_profiles/methods/add",
    parameter: "profile",
    mandatory: ["name"],
  },
  updateProfile: { type: "VnicProfile", call: "vnic_profile/methods/update" },
  addNic: { type: "Nic", call: "vm_nics/methods/add", parameter: "nic", mandatory: ["name"] },
  updateNic: { type: "Nic", call: "vm_nic/methods/update" },
} as const satisfies Readonly<Record<string, Taken>>;

function table(parts: HostParts, disruptions: Disruptions): readonly Row[] {
  const { model, migrations } = parts;
  const profile = (id: string): Profile => existing(model.profiles, id);
  const host = (id: string): Host => existing(model.hosts, id);
  const nic = (vm: string, id: string): Nic => model.vms.get(vm)?.nics.find((each) => each.id === id) ?? absent();
  const hostNic = (owner: Host, id: string): HostNic =>
    reportedNics(model, owner).find((each) => each.id === id) ?? absent();
  const clusterNamed = (id: string | undefined) => model.clusters.get(id ?? "")?.name;
  const dataCenterOf = (cluster: string | undefined) =>
    model.dataCenters.get(model.clusters.get(cluster ?? "")?.dataCenter ?? "")?.name;

  const hostFields = (each: Host) => ({
    NAME: each.name,
    ADDRESS: each.address,
    STATUS: each.status.replaceAll("_", "").toUpperCase(),
    CLUSTER: clusterNamed(each.cluster),
    DATACENTER: dataCenterOf(each.cluster),
    COMMENT: "",
  });
  const vmFields = (each: Vm) => ({
    NAME: each.name,
    ID: each.id,
    STATUS: each.status === "migrating" ? "MIGRATING" : each.status.toUpperCase(),
    CLUSTER: clusterNamed(each.cluster),
    ON_HOST: model.hosts.get(each.host ?? "")?.name,
    DATACENTER: dataCenterOf(each.cluster),
    COMMENT: "",
    DESCRIPTION: "",
  });
  const facts = {
    vm: (each: Vm): Facts => {
      const on = model.hosts.get(each.host ?? "");
      return { fields: vmFields(each), references: { HOST: on && hostFields(on) } };
    },
    host: (each: Host): Facts => ({ fields: hostFields(each) }),
    network: (each: Network): Facts => ({
      fields: {
        NAME: each.name,
        DESCRIPTION: each.description ?? "",
        COMMENT: "",
        DATACENTER: model.dataCenters.get(each.dataCenter)?.name,
        MTU: each.mtu,
        LABEL: each.label,
        VMNETWORK: each.vmNetwork,
        STP: false,
      },
    }),
    event: (event: Event): Facts => ({
      fields: {
        TYPE: event.code,
        SEVERITY: event.severity.toUpperCase(),
        MESSAGE: event.description,
        CORRELATION_ID: event.correlationId,
        EVENT_VM: model.vms.get(event.vm ?? "")?.name,
        EVENT_HOST: model.hosts.get(event.host ?? "")?.name,
        USRNAME: event.user,
        TIME: event.time.toISOString(),
        ORIGIN: "oVirt",
        _EVENT_VM_ID: event.vm,
      },
    }),
  };
  const searched = <T>(
    name: string,
    members: () => Iterable<T>,
    object: SearchObject,
    factsOf: (member: T) => Facts,
    shown: (member: T, allContent: boolean) => Element,
  ): Row =>
    get(`/${name.replace("_", "")}`, ({ query, allContent }) =>
      collection(
        name,
        selected([...members()], object, factsOf, query).map((each) => shown(each, allContent)),
      ),
    );
  /** `GetAll…` and no search: what is beyond `max` is left out. */
  const listed = <T>(name: string, query: URLSearchParams, members: readonly T[], shown: (member: T) => Element) =>
    collection(name, members.slice(0, limit(query)).map(shown));

  const createProfile = ({ body, caller }: Call, asked: Profile): ApiAnswer => {
    const useDefaultFilter = child(body, "network_filter") === undefined;
    const made = addProfile(model, asked, useDefaultFilter, caller);
    return { status: 201, body: xml.profileXml(model, made, made.network) };
  };
  const changeNic = (vmId: string, stored: Nic, asked: Nic, caller: Caller): Nic => {
    const vm = existing(model.vms, vmId);
    return updateNic(model, vm, stored, asked, caller, () => {
      const refused = disruptions.take("update-fails", { vm: vm.name, nic: stored.name });
      if (refused !== undefined) throw listedFault(400, [refused.message]);
    });
  };
  const setPlugged = ({ body, caller }: Call, [vmId, nicId]: Ids, plugged: boolean): ApiAnswer => {
    const stored = nic(vmId, nicId);
    // The resource sends itself an update, whose fault comes back by itself and not in the action.
    changeNic(vmId, stored, { ...stored, plugged }, caller);
    return ok(xml.actionXml(body));
  };
  const power =
    (act: (vm: Vm | undefined, caller: Caller) => Job) =>
    ({ body, caller }: Call, [id]: Ids) => {
      const vm = model.vms.get(id);
      const job = act(vm, caller);
      return xml.actionXml(body, { job, vm: vm ?? absent() });
    };

  return [
    get("/?", () => xml.apiRoot(model)),

    // The engine has no search of profiles: every one is a search that it can't read.
    get("/vnicprofiles", ({ query }) =>
      listed("vnic_profiles", query, query.has("search") ? [] : [...model.profiles.values()], (each) =>
        xml.profileXml(model, each),
      ),
    ),
    {
      method: "POST",
      path: "/vnicprofiles",
      takes: takes.addProfile,
      handle: (call) => {
        const body = withIds(complete(call, "VnicProfile", "validateParameters", "name", "network.id").body);
        const network = idIn(body, "network") ?? "";
        if (!model.networks.has(network)) throw restFault(404, `Entity not found: Network: id=${network}`);
        return createProfile(call, mapProfile(body, newProfile()));
      },
    },
    get("/vnicprofiles/:id", (_, [id]) => xml.profileXml(model, profile(id))),
    {
      method: "PUT",
      path: "/vnicprofiles/:id",
      takes: takes.updateProfile,
      handle: ({ body, caller }, [id]) => {
        const stored = profile(id);
        keepsId(body, id);
        const changed = updateProfile(model, mapProfile(withIds(body), stored), caller);
        return ok(xml.profileXml(model, changed, changed.network));
      },
    },
    {
      method: "DELETE",
      path: "/vnicprofiles/:id",
      handle: ({ caller }, [id]) => {
        removeProfile(model, profile(id), caller);
        return ok(xml.actionXml(undefined));
      },
    },
    get("/networks/:id/vnicprofiles", ({ query }, [id]) =>
      listed("vnic_profiles", query, model.profilesOf(id), (each) => xml.profileXml(model, each, id)),
    ),
    {
      method: "POST",
      path: "/networks/:id/vnicprofiles",
      takes: takes.addAssignedProfile,
      handle: (call, [network]) => {
        const body = withIds(complete(call, "VnicProfile", "validateParameters", "name").body);
        return createProfile(call, { ...mapProfile(body, newProfile()), network });
      },
    },
    // Whose network the path names does not matter.
    get("/networks/:id/vnicprofiles/:profile", (_, [id, of]) => xml.profileXml(model, profile(of), id)),
    {
      method: "DELETE",
      path: "/networks/:id/vnicprofiles/:profile",
      handle: ({ caller }, [, of]) => {
        removeProfile(model, profile(of), caller);
        return ok(xml.actionXml(undefined));
      },
    },

    searched(
      "networks",
      () => model.networks.values(),
      searchObjects.network,
      facts.network,
      (each) => xml.networkXml(each),
    ),
    get("/networks/:id", (_, [id]) => xml.networkXml(existing(model.networks, id))),
    get("/networkfilters", ({ query }) =>
      listed("network_filters", query, [...model.networkFilters.values()], xml.networkFilterXml),
    ),
    get("/networkfilters/:id", (_, [id]) => xml.networkFilterXml(existing(model.networkFilters, id))),

    searched(
      "data_centers",
      () => model.dataCenters.values(),
      searchObjects.dataCenter,
      ({ name, description = "" }) => ({ fields: { NAME: name, DESCRIPTION: description, COMMENT: "", STATUS: "UP" } }),
      xml.dataCenterXml,
    ),
    get("/datacenters/:id", (_, [id]) => xml.dataCenterXml(existing(model.dataCenters, id))),
    get("/datacenters/:id/networks", ({ query }, [id]) =>
      listed(
        "networks",
        query,
        [...model.networks.values()].filter((each) => each.dataCenter === id),
        (each) => xml.networkXml(each),
      ),
    ),
    // The inventory has QoS in no data center: a test that wants one puts it there.
    get("/datacenters/:id/qoss", ({ query }, [id]) => {
      const dataCenter = model.dataCenters.get(id);
      return listed("qoss", query, dataCenter === undefined ? [] : [...model.qos.values()], (each) =>
        xml.qosXml(dataCenter ?? absent(), each),
      );
    }),
    searched(
      "clusters",
      () => model.clusters.values(),
      searchObjects.cluster,
      ({ name, version }) => ({
        fields: { NAME: name, DESCRIPTION: "", COMMENT: "", COMPATIBILITY_LEVEL: `${version.major}.${version.minor}` },
      }),
      xml.clusterXml,
    ),
    get("/clusters/:id", (_, [id]) => xml.clusterXml(existing(model.clusters, id))),
    get("/clusters/:id/networks", ({ query }, [id]) => {
      const cluster = model.clusters.get(id);
      const attached = [...model.networks.values()].filter((each) => cluster?.networks.has(each.id) === true);
      return listed("networks", query, attached, (each) => xml.networkXml(each, cluster));
    }),

    searched(
      "hosts",
      () => model.hosts.values(),
      searchObjects.host,
      facts.host,
      (each, allContent) => hostXml(model, each, allContent),
    ),
    get("/hosts/:id", ({ allContent }, [id]) => hostXml(model, host(id), allContent)),
    get("/hosts/:id/nics", ({ query, allContent }, [id]) => {
      const owner = model.hosts.get(id);
      if (owner === undefined) throw restFault(404, "Entity not found: Host");
      return listed("host_nics", query, reportedNics(model, owner), (each) => xml.hostNicXml(owner, each, allContent));
    }),
    get("/hosts/:id/nics/:nic", ({ allContent }, [id, of]) =>
      xml.hostNicXml(host(id), hostNic(host(id), of), allContent),
    ),
    get("/hosts/:id/nics/:nic/virtualfunctionallowednetworks", (_, [id, of]) => {
      const allowed = hostNic(host(id), of).virtualFunctions?.networks ?? absent();
      return collection(
        "networks",
        [...allowed].map((network) => xml.allowedNetworkXml(id, of, network)),
      );
    }),
    get("/hosts/:id/nics/:nic/virtualfunctionallowedlabels", (_, [id, of]) =>
      collection(
        "network_labels",
        [...(hostNic(host(id), of).virtualFunctions?.labels ?? [])].map((label) =>
          xml.labelXml(`hosts/${id}/nics/${of}/virtualfunctionallowedlabels`, label),
        ),
      ),
    ),
    get("/networks/:id/networklabels", (_, [id]) => {
      const { label } = existing(model.networks, id);
      const labels = label === undefined ? [] : [label];
      return collection(
        "network_labels",
        labels.map((each) => xml.labelXml(`networks/${id}/networklabels`, each)),
      );
    }),
    get("/hosts/:id/devices", (_, [id]) =>
      collection("host_devices", xml.hostDevicesXml(host(id), reportedNics(model, host(id)))),
    ),
    ...(
      [
        ["deactivate", deactivate],
        ["activate", activate],
      ] as const
    ).map(([name, command]) =>
      action(`hosts/:id/${name}`, `host/methods/${name}`, async ({ body, caller }, [id]) => {
        await command(parts, host(id), caller);
        return xml.actionXml(body);
      }),
    ),
    get("/hosts/:id/statistics", (_, [id]) => {
      host(id);
      return collection("statistics", []);
    }),

    searched("vms", () => model.vms.values(), searchObjects.vm, facts.vm, vmXml),
    get("/vms/:id", ({ allContent }, [id]) => vmXml(existing(model.vms, id), allContent)),
    get("/vms/:id/applications", (_, [id]) => xml.applicationsXml(model.vms.get(id))),
    get("/vms/:id/statistics", (_, [id]) => vmStatisticsXml(existing(model.vms, id))),
    get("/vms/:id/reporteddevices", (_, [id]) => {
      const owner = model.vms.get(id);
      return collection(
        "reported_devices",
        owner?.nics.flatMap((each) => xml.reportedDevicesXml(owner, each).children) ?? [],
      );
    }),
    action("vms/:id/migrate", "vm/methods/migrate", async ({ body, caller }, [id]) => {
      const to = child(body, "host");
      const vm = model.vms.get(id);
      const sought = to && { id: idIn(withIds(body), "host"), name: textIn(to, "name") };
      const job = await migrations.start({ vm, id, host: sought, caller });
      return xml.actionXml(body, { job, vm: vm ?? absent() });
    }),
    action(
      "vms/:id/cancelmigration",
      "vm/methods/cancel_migration",
      power((vm, caller) => migrations.cancel(vm, caller)),
    ),
    action(
      "vms/:id/start",
      "vm/methods/start",
      power((vm, caller) => start(model, vm, caller)),
    ),
    action(
      "vms/:id/stop",
      "vm/methods/stop",
      power((vm, caller) => stop(model, vm, caller)),
    ),

    get("/vms/:id/nics", ({ query }, [id]) =>
      listed("nics", query, model.vms.get(id)?.nics ?? [], (each) => xml.nicXml({ id }, each)),
    ),
    {
      method: "POST",
      path: "/vms/:id/nics",
      takes: takes.addNic,
      handle: (call, [id]) => {
        const { body, caller } = complete(call, "Nic", "add", "name");
        const made = addNic(model, model.vms.get(id), mapNic(withIds(body), newNic()), caller);
        return { status: 201, body: xml.nicXml({ id }, made) };
      },
    },
    get("/vms/:id/nics/:nic", (_, [id, of]) => xml.nicXml({ id }, nic(id, of))),
    {
      method: "PUT",
      path: "/vms/:id/nics/:nic",
      takes: takes.updateNic,
      handle: ({ body, caller }, [id, of]) => {
        const stored = nic(id, of);
        keepsId(body, of);
        return ok(xml.nicXml({ id }, changeNic(id, stored, mapNic(withIds(body), stored), caller)));
      },
    },
    {
      method: "DELETE",
      path: "/vms/:id/nics/:nic",
      handle: ({ caller }, [id, of]) => {
        removeNic(model, existing(model.vms, id), nic(id, of), caller);
        return ok(xml.actionXml(undefined));
      },
    },
    ...[true, false].map((plugged): Row => {
      const name = plugged ? "activate" : "deactivate";
      return {
        method: "POST",
        path: `/vms/:id/nics/:nic/${name}`,
        takes: { type: "Action", call: `vm_nic/methods/${name}` },
        handle: (call, ids) => setPlugged(call, ids, plugged),
      };
    }),
    get("/vms/:id/nics/:nic/reporteddevices", (_, [id, of]) =>
      xml.reportedDevicesXml(existing(model.vms, id), nic(id, of)),
    ),
    get("/vms/:id/nics/:nic/statistics", (_, [id, of]) => {
      nic(id, of);
      return collection("statistics", []);
    }),

    get("/jobs", ({ query }) => listed("jobs", query, [...model.jobs.values()], xml.jobXml)),
    get("/jobs/:id", (_, [id]) => xml.jobXml(existing(model.jobs, id))),
    get("/events", ({ query }) => {
      const from = integerAsked(query, "from") ?? -1;
      const newestFirst = model.events.filter(({ id }) => id > from).reverse();
      return collection(
        "events",
        selected(newestFirst, searchObjects.event, facts.event, query).map((each) => xml.eventXml(model, each)),
      );
    }),
    get("/events/:id", (_, [id]) =>
      xml.eventXml(model, model.events.find((each) => String(each.id) === id) ?? absent()),
    ),
  ];
}

function existing<T>(things: ReadonlyMap<string, T>, id: string): T {
  return things.get(id) ?? absent();
}

function absent(): never {
  throw notFound();
}

/**
 * CompletenessAssertor.validateParameters: what is given must not be empty.
 * @param method that asks, which the message names.
 * @throws EngineFault where a parameter is missing
 */
function complete(call: Call, type: string, method: string, ...names: readonly string[]): Call {
  const missing = names.filter((name) => {
    const [parent = "", inner] = name.split(".");
    const given = child(call.body, parent);
    return ((inner === "id" ? attribute(given, "id") : given?.text) ?? "") === "";
  });
  if (missing.length > 0) {
    throw restFault(400, `${type} [${missing.join(", ")}] required for ${method}`, "Incomplete parameters");
  }
  return call;
}

/** MutabilityAssertor.validateUpdate. @throws EngineFault where the body has another id than the path */
function keepsId(body: Element, id: string): void {
  const given = attribute(body, "id");
  if (given !== undefined && given !== id) {
    throw restFault(409, "Attempt to set immutable field: id", "Broken immutability constraint");
  }
}

function get(path: string, handle: (call: Call, ids: Ids) => Element): Row {
  return { method: "GET", path, handle: (call, ids) => ok(handle(call, ids)) };
}

/** An action on a VM or host, whose fault stands in the action that comes back. @param method in the API's documentation */
function action(path: string, method: string, handle: (call: Call, ids: Ids) => Element | Promise<Element>): Row {
  return {
    method: "POST",
    path: `/${path}`,
    takes: { type: "Action", call: method },
    handle: async (call, ids) => {
      try {
        return ok(await handle(call, ids));
      } catch (error) {
        if (error instanceof NoSuchName) throw error.fault;
        if (!(error instanceof EngineFault) || error.body === undefined || error.texts === undefined) throw error;
        throw new EngineFault(error.status, xml.failedActionXml(call.body, error.body));
      }
    },
  };
}

function ok(body: Element): ApiAnswer {
  return { status: 200, body };
}

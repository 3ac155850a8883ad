/** The API's resources: which request does what. One table, and what its rows need. */
import type { Element } from "../../provider/xml/element.js";
import { attribute, child } from "../../provider/xml/element.js";
import type { Caller } from "./commands/caller.js";
import { addNic, removeNic, updateNic } from "./commands/nics.js";
import { Migrations } from "./commands/migration.js";
import { start, stop } from "./commands/power.js";
import { addProfile, removeProfile, updateProfile } from "./commands/profiles.js";
import type { Disruptions } from "./disruptions.js";
import { EngineFault, notFound, restFault } from "./fault.js";
import { idIn, mapNic, mapProfile, newNic, newProfile, textIn } from "./mapper.js";
import type { Event, Host, HostNic, Model, Network, Nic, Profile, Vm } from "./model.js";
import type { Pace } from "./pace.js";
import * as xml from "./representation.js";
import { limit, selected, type Fields } from "./search.js";

export interface ApiRequest {
  readonly method: string;
  /** Below the API: `/vms/…`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body?: Element | undefined;
  readonly caller: Caller;
  /** The request asks for what is left out otherwise (`all_content`, as header `All-Content`). */
  readonly allContent: boolean;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body?: Element | undefined;
}

interface Row {
  readonly method: string;
  /** `:name` stands for an id. */
  readonly path: string;
  readonly handle: (request: ApiRequest, ids: Ids) => ApiAnswer;
}

/** The ids of a path, in their order. */
type Ids = readonly [string, string, string];

export class Api {
  readonly #rows: readonly (Row & { readonly pattern: RegExp })[];

  constructor(model: Model, pace: Pace, disruptions: Disruptions) {
    this.#rows = table(model, new Migrations(model, pace, disruptions)).map((row) => ({
      ...row,
      pattern: new RegExp(`^${row.path.replaceAll(/:\w+/g, "([^/]+)")}/?$`),
    }));
  }

  /** @throws EngineFault */
  answer(request: ApiRequest): ApiAnswer {
    const matching = this.#rows.filter(({ pattern }) => pattern.test(request.path));
    const row = matching.find(({ method }) => method === request.method);
    if (row === undefined) throw new EngineFault(matching.length > 0 ? 405 : 404, undefined);
    const [, first = "", second = "", third = ""] = row.pattern.exec(request.path) ?? [];
    return row.handle(request, [first, second, third]);
  }
}

function table(model: Model, migrations: Migrations): readonly Row[] {
  const profile = (id: string): Profile => existing(model.profiles, id);
  const vm = (id: string): Vm => existing(model.vms, id);
  const host = (id: string): Host => existing(model.hosts, id);
  const nic = (owner: Vm, id: string): Nic => owner.nics.find((each) => each.id === id) ?? absent();
  const hostNic = (owner: Host, id: string): HostNic => reportedNics(owner).find((each) => each.id === id) ?? absent();

  const profileFields: Fields<Profile> = {
    name: ({ name }) => name,
    description: ({ description }) => description,
    network: ({ network }) => model.networks.get(network)?.name,
    passthrough: ({ passThrough }) => passThrough,
    port_mirroring: ({ portMirroring }) => portMirroring,
    failover: ({ failover }) => model.profiles.get(failover ?? "")?.name,
  };
  const vmFields: Fields<Vm> = {
    name: ({ name }) => name,
    id: ({ id }) => id,
    status: ({ status }) => status,
    cluster: ({ cluster }) => model.clusters.get(cluster)?.name,
    host: (each) => model.hosts.get(each.host ?? "")?.name,
  };
  const networkFields: Fields<Network> = {
    name: ({ name }) => name,
    datacenter: ({ dataCenter }) => model.dataCenters.get(dataCenter)?.name,
  };
  const eventFields: Fields<Event> = {
    id: ({ id }) => id,
    type: ({ code }) => code,
    severity: ({ severity }) => severity,
    message: ({ description }) => description,
    correlation_id: ({ correlationId }) => correlationId,
    event_vm: (event) => model.vms.get(event.vm ?? "")?.name,
    event_host: (event) => model.hosts.get(event.host ?? "")?.name,
    time: ({ time }) => time.toISOString(),
  };

  const createProfile = ({ body, caller }: ApiRequest, profileAsked: Profile): ApiAnswer => {
    const useDefaultFilter = child(body, "network_filter") === undefined;
    return created(xml.profileXml(addProfile(model, profileAsked, useDefaultFilter, caller)));
  };
  const setPlugged = ({ body, caller }: ApiRequest, [vmId, nicId]: Ids, plugged: boolean): ApiAnswer => {
    const owner = vm(vmId);
    const stored = nic(owner, nicId);
    // The resource sends itself an update, whose fault comes back by itself and not in the action.
    updateNic(model, owner, stored, { ...stored, plugged }, caller);
    return ok(xml.actionXml(body));
  };

  return [
    get("/?", ({ caller }) => xml.apiRoot(caller)),

    get("/vnicprofiles", ({ query }) =>
      xml.collection("vnic_profiles", searchedProfiles(model, profileFields, query).map(xml.profileXml)),
    ),
    {
      method: "POST",
      path: "/vnicprofiles",
      handle: (request) => {
        const asked = mapProfile(required(request.body, "VnicProfile", "name", "network.id"), newProfile());
        if (!model.networks.has(asked.network)) {
          throw restFault(404, `Entity not found: Network: id=${asked.network}`);
        }
        return createProfile(request, asked);
      },
    },
    get("/vnicprofiles/:id", (_, [id]) => xml.profileXml(profile(id))),
    {
      method: "PUT",
      path: "/vnicprofiles/:id",
      handle: ({ body, caller }, [id]) => {
        const stored = profile(id);
        const merged = body === undefined ? stored : mapProfile(body, stored);
        return ok(xml.profileXml(updateProfile(model, merged, caller)));
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
      xml.collection(
        "vnic_profiles",
        model.profilesOf(existing(model.networks, id).id).slice(0, limit(query)).map(xml.profileXml),
      ),
    ),
    {
      method: "POST",
      path: "/networks/:id/vnicprofiles",
      handle: (request, [id]) => {
        const { id: network } = existing(model.networks, id);
        const asked = mapProfile(required(request.body, "VnicProfile", "name"), newProfile());
        return createProfile(request, { ...asked, network });
      },
    },
    get("/networks/:id/vnicprofiles/:profile", (_, [id, of]) => xml.profileXml(profileOn(model, id, of))),
    {
      method: "DELETE",
      path: "/networks/:id/vnicprofiles/:profile",
      handle: ({ caller }, [id, of]) => {
        removeProfile(model, profileOn(model, id, of), caller);
        return ok(xml.actionXml(undefined));
      },
    },

    get("/networks", ({ query }) =>
      xml.collection(
        "networks",
        selected([...model.networks.values()], networkFields, query).map((each) => xml.networkXml(each)),
      ),
    ),
    get("/networks/:id", (_, [id]) => xml.networkXml(existing(model.networks, id))),
    get("/networkfilters", () =>
      xml.collection("network_filters", [...model.networkFilters.values()].map(xml.networkFilterXml)),
    ),
    get("/networkfilters/:id", (_, [id]) => xml.networkFilterXml(existing(model.networkFilters, id))),

    get("/datacenters", ({ query }) =>
      xml.collection(
        "data_centers",
        selected([...model.dataCenters.values()], { name: ({ name }) => name }, query).map(xml.dataCenterXml),
      ),
    ),
    get("/datacenters/:id", (_, [id]) => xml.dataCenterXml(existing(model.dataCenters, id))),
    get("/datacenters/:id/networks", (_, [id]) => {
      const dataCenter = existing(model.dataCenters, id);
      const within = [...model.networks.values()].filter((each) => each.dataCenter === dataCenter.id);
      return xml.collection(
        "networks",
        within.map((each) => xml.networkXml(each)),
      );
    }),
    get("/datacenters/:id/qoss", (_, [id]) => {
      const dataCenter = existing(model.dataCenters, id);
      return xml.collection(
        "qoss",
        [...model.qos.values()].map((each) => xml.qosXml(dataCenter, each)),
      );
    }),
    get("/clusters", ({ query }) =>
      xml.collection(
        "clusters",
        selected([...model.clusters.values()], { name: ({ name }) => name }, query).map(xml.clusterXml),
      ),
    ),
    get("/clusters/:id", (_, [id]) => xml.clusterXml(existing(model.clusters, id))),
    get("/clusters/:id/networks", (_, [id]) => {
      const cluster = existing(model.clusters, id);
      const attached = [...model.networks.values()].filter((each) => cluster.networks.has(each.id));
      return xml.collection(
        "networks",
        attached.map((each) => xml.networkXml(each, cluster)),
      );
    }),

    get("/hosts", ({ query, allContent }) =>
      xml.collection(
        "hosts",
        selected(
          [...model.hosts.values()],
          {
            name: ({ name }) => name,
            status: ({ status }) => status,
            cluster: ({ cluster }) => model.clusters.get(cluster)?.name,
          },
          query,
        ).map((each) => xml.hostXml(each, allContent)),
      ),
    ),
    get("/hosts/:id", ({ allContent }, [id]) => xml.hostXml(host(id), allContent)),
    get("/hosts/:id/nics", (_, [id]) => {
      const owner = host(id);
      return xml.collection(
        "host_nics",
        reportedNics(owner).map((each) => xml.hostNicXml(owner, each)),
      );
    }),
    get("/hosts/:id/nics/:nic", (_, [id, of]) => xml.hostNicXml(host(id), hostNic(host(id), of))),
    get("/hosts/:id/nics/:nic/virtualfunctionallowednetworks", (_, [id, of]) => {
      const allowed = hostNic(host(id), of).virtualFunctions?.networks ?? absent();
      return xml.collection(
        "networks",
        [...allowed].map((network) => xml.networkXml(existing(model.networks, network))),
      );
    }),
    get("/hosts/:id/devices", (_, [id]) => {
      const owner = host(id);
      const functions = owner.nics.filter(({ device }) => device !== undefined);
      return xml.collection(
        "host_devices",
        functions.map((each) => xml.hostDeviceXml(owner, each)),
      );
    }),
    get("/hosts/:id/statistics", (_, [id]) => {
      host(id);
      return xml.collection("statistics", []);
    }),

    get("/vms", ({ query, allContent }) =>
      xml.collection(
        "vms",
        selected([...model.vms.values()], vmFields, query).map((each) => xml.vmXml(each, allContent)),
      ),
    ),
    get("/vms/:id", ({ allContent }, [id]) => xml.vmXml(vm(id), allContent)),
    get("/vms/:id/applications", (_, [id]) => xml.applicationsXml(vm(id))),
    get("/vms/:id/statistics", (_, [id]) => xml.vmStatisticsXml(vm(id))),
    get("/vms/:id/reporteddevices", (_, [id]) => {
      const owner = vm(id);
      return xml.collection(
        "reported_devices",
        owner.nics.flatMap((each) => xml.reportedDevicesXml(owner, each).children),
      );
    }),
    action("/vms/:id/migrate", ({ body, caller }, [id]) => {
      const to = child(body, "host");
      const destination = to && { id: attribute(to, "id"), name: textIn(to, "name") };
      return xml.actionXml(body, migrations.start({ vm: vm(id), host: destination, caller }));
    }),
    action("/vms/:id/start", ({ body }, [id]) => {
      start(model, vm(id));
      return xml.actionXml(body);
    }),
    action("/vms/:id/stop", ({ body }, [id]) => {
      stop(model, vm(id));
      return xml.actionXml(body);
    }),

    get("/vms/:id/nics", (_, [id]) => {
      const owner = vm(id);
      return xml.collection(
        "nics",
        owner.nics.map((each) => xml.nicXml(owner, each)),
      );
    }),
    {
      method: "POST",
      path: "/vms/:id/nics",
      handle: ({ body, caller }, [id]) => {
        const owner = vm(id);
        const asked = mapNic(required(body, "Nic", "name"), newNic());
        return created(xml.nicXml(owner, addNic(model, owner, asked, caller)));
      },
    },
    get("/vms/:id/nics/:nic", (_, [id, of]) => xml.nicXml(vm(id), nic(vm(id), of))),
    {
      method: "PUT",
      path: "/vms/:id/nics/:nic",
      handle: ({ body, caller }, [id, of]) => {
        const owner = vm(id);
        const stored = nic(owner, of);
        const merged = body === undefined ? stored : mapNic(body, stored);
        return ok(xml.nicXml(owner, updateNic(model, owner, stored, { ...merged }, caller)));
      },
    },
    {
      method: "DELETE",
      path: "/vms/:id/nics/:nic",
      handle: ({ caller }, [id, of]) => {
        const owner = vm(id);
        removeNic(model, owner, nic(owner, of), caller);
        return ok(xml.actionXml(undefined));
      },
    },
    { method: "POST", path: "/vms/:id/nics/:nic/activate", handle: (request, ids) => setPlugged(request, ids, true) },
    {
      method: "POST",
      path: "/vms/:id/nics/:nic/deactivate",
      handle: (request, ids) => setPlugged(request, ids, false),
    },
    get("/vms/:id/nics/:nic/reporteddevices", (_, [id, of]) => xml.reportedDevicesXml(vm(id), nic(vm(id), of))),
    get("/vms/:id/nics/:nic/statistics", (_, [id, of]) => {
      nic(vm(id), of);
      return xml.collection("statistics", []);
    }),

    get("/jobs", ({ query }) =>
      xml.collection(
        "jobs",
        selected(
          [...model.jobs.values()],
          {
            description: ({ description }) => description,
            status: ({ status }) => status,
            correlation_id: ({ correlationId }) => correlationId,
          },
          query,
        ).map(xml.jobXml),
      ),
    ),
    get("/jobs/:id", (_, [id]) => xml.jobXml(existing(model.jobs, id))),
    get("/events", ({ query }) => {
      const after = Number(query.get("from") ?? 0);
      const newestFirst = model.events.filter(({ id }) => id > after).reverse();
      return xml.collection(
        "events",
        selected(newestFirst, eventFields, query).map((each) => xml.eventXml(model, each)),
      );
    }),
    get("/events/:id", (_, [id]) =>
      xml.eventXml(model, model.events.find((each) => String(each.id) === id) ?? absent()),
    ),
  ];
}

/**
 * The engine searches profiles and then intersects with the list of all; `max` is taken off the search, so that `page 2`
 * of it is always empty (AbstractBackendCollectionResource.getBackendCollection).
 */
function searchedProfiles(model: Model, fields: Fields<Profile>, query: URLSearchParams): readonly Profile[] {
  const withoutMax = new URLSearchParams([...query].filter(([name]) => name !== "max"));
  return selected([...model.profiles.values()], fields, withoutMax).slice(0, limit(query));
}

/** A VF that a VM has is bound to vfio-pci: the host has no netdev of it to report. */
function reportedNics({ nics }: Host): readonly HostNic[] {
  return nics.filter(({ physicalFunction, usedBy }) => physicalFunction === undefined || usedBy === undefined);
}

function profileOn(model: Model, network: string, id: string): Profile {
  return model.profilesOf(existing(model.networks, network).id).find((profile) => profile.id === id) ?? absent();
}

function existing<T>(things: ReadonlyMap<string, T>, id: string): T {
  return things.get(id) ?? absent();
}

function absent(): never {
  throw notFound();
}

/** CompletenessAssertor.validateParameters. @throws EngineFault where a parameter is missing */
function required(body: Element | undefined, type: string, ...names: readonly string[]): Element {
  const missing = names.filter((name) => {
    const [parent = "", inner] = name.split(".");
    return body === undefined || (inner === "id" ? idIn(body, parent) : textIn(body, parent)) === undefined;
  });
  if (body === undefined || missing.length > 0) {
    throw restFault(400, `${type} [${missing.join(", ")}] required for add`, "Incomplete parameters");
  }
  return body;
}

function get(path: string, handle: (request: ApiRequest, ids: Ids) => Element): Row {
  return { method: "GET", path, handle: (request, ids) => ok(handle(request, ids)) };
}

/** An action whose fault stands in the action that comes back. */
function action(path: string, handle: (request: ApiRequest, ids: Ids) => Element): Row {
  return {
    method: "POST",
    path,
    handle: (request, ids) => {
      try {
        return ok(handle(request, ids));
      } catch (error) {
        if (!(error instanceof EngineFault) || error.body === undefined) throw error;
        throw new EngineFault(error.status, xml.failedActionXml(request.body, error.body));
      }
    },
  };
}

function ok(body: Element): ApiAnswer {
  return { status: 200, body };
}

function created(body: Element): ApiAnswer {
  return { status: 201, body };
}

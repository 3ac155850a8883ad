/** `vnic-failover doctor` on oVirt: what the engine and its hosts have for failover, what is missing, and what helps. */
import {
  engineVersion,
  labelsFor,
  listClusterNetworks,
  listProfiles,
  readHostNetworking,
  serves,
  type EngineCluster,
  type EngineHost,
  type EngineNetwork,
  type EngineNic,
  type EnginePhysicalFunction,
  type EngineProfile,
  type NetworkLabels,
} from "../../../backends/ovirt/rest/index.js";
import type { Engine } from "../../../handlers/ovirt/session.js";
import { engineRules, evaluate, type EngineHealth } from "../../../rules/index.js";
import type { Answer } from "../../command.js";
import { describeFindings, findingsDocument } from "../../output/findings.js";
import { indented, paragraphs, table } from "../../output/table.js";
import type { EngineContext } from "./context.js";
import { surveyEngine } from "./survey.js";

interface DoctoredHost {
  readonly host: EngineHost;
  readonly functions: readonly EnginePhysicalFunction[];
  /** Of the networks of passthrough profiles. */
  readonly labels: NetworkLabels;
  /** The ids of the networks that its NICs have. */
  readonly attached: readonly string[];
  /** The names of the VMs that have devices of it. */
  readonly vms: readonly string[];
}

interface EngineDoctorFacts {
  /** `4.5.7-1.el9`; undefined: the engine does not say. */
  readonly version: string | undefined;
  readonly cluster: EngineCluster;
  /** Those of the cluster. */
  readonly networks: readonly EngineNetwork[];
  readonly hosts: readonly DoctoredHost[];
  /** Those of the cluster's networks. */
  readonly profiles: readonly EngineProfile[];
  /** VMs that run on their standby alone. */
  readonly withoutVf: readonly { readonly vm: string; readonly nics: readonly EngineNic[] }[];
}

export async function engineDoctor({ engine }: EngineContext): Promise<Answer> {
  return diagnoseEngine(await doctorFacts(engine));
}

async function doctorFacts(engine: Engine): Promise<EngineDoctorFacts> {
  const { client } = engine;
  const cluster = await engine.cluster();
  const [version, { hosts, vms }, networks, profiles] = await Promise.all([
    engineVersion(client),
    surveyEngine(engine),
    listClusterNetworks(client, cluster.id),
    listProfiles(client),
  ]);
  const vmNames = new Map(vms.map(({ vm }) => [vm.id, vm.name]));
  const survey = async (host: EngineHost): Promise<DoctoredHost> => {
    const { nics, functions, devices } = await readHostNetworking(client, host.id);
    const passthrough = profiles.filter(({ passThrough }) => passThrough === "enabled");
    const labels = await labelsFor(
      client,
      functions,
      passthrough.map(({ network }) => network),
    );
    return {
      ...{ host, functions, labels },
      attached: nics.flatMap(({ network }) => network ?? []),
      vms: [...new Set(devices.flatMap(({ vm }) => (vm === undefined ? [] : (vmNames.get(vm) ?? vm))))],
    };
  };
  const named = new Set(networks.map(({ id }) => id));
  return {
    ...{ version, cluster, networks },
    hosts: await Promise.all(hosts.map(survey)),
    profiles: profiles.filter(({ network }) => named.has(network)),
    withoutVf: vms
      .filter(({ missing }) => missing.length > 0)
      .map(({ vm, missing }) => ({ vm: vm.name, nics: missing })),
  };
}

/** What the engine has told, as the rules want it. Pure. */
function healthOf({ version, cluster, networks, hosts, profiles, withoutVf }: EngineDoctorFacts): EngineHealth {
  return {
    ...{ version, cluster, networks, profiles },
    hosts: hosts.map(({ host: { name, status }, functions, labels, attached }) => ({
      ...{ name, status, attached },
      functions: functions.map((pf) => ({
        ...{ name: pf.name, number: pf.number, max: pf.max },
        serves: networks.filter(({ id }) => serves(pf, id, labels)).map(({ id }) => id),
      })),
    })),
    withoutVf: withoutVf.map(({ vm, nics }) => ({ vm, nics: nics.map(({ name }) => name) })),
  };
}

/** The answer that the facts give. Pure. */
function diagnoseEngine(facts: EngineDoctorFacts): Answer {
  const findings = evaluate(engineRules, healthOf(facts));
  const { version, cluster, hosts } = facts;
  const nameOf = (network: string) => facts.networks.find(({ id }) => id === network)?.name ?? network;
  const describeHost = ({ host, functions, vms }: DoctoredHost): string =>
    [
      `${host.name}: ${host.status}${vms.length === 0 ? "" : `, VFs in use by ${vms.join(", ")}`}`,
      indented(
        table(
          ["pf", "link", "vfs", "max vfs", "free", "networks"],
          functions.map(({ name, status = "", number, max, free, networks, labels }) => [
            ...[name, status, String(number), String(max), String(free.length)],
            networks === "all"
              ? "all"
              : [...networks.map(nameOf), ...labels.map((label) => `label ${label}`)].join(", "),
          ]),
        ),
      ),
    ]
      .filter((part) => part !== "")
      .join("\n");
  return {
    outcome: findings.some(({ severity }) => severity === "error") ? "refused" : "ok",
    document: {
      engine: { version: version ?? null },
      cluster: { name: cluster.name, level: `${cluster.level.major}.${cluster.level.minor}` },
      hosts: hosts.map((doctored) => ({
        name: doctored.host.name,
        status: doctored.host.status,
        physicalFunctions: doctored.functions.map(({ name, status, number, max, free, networks, labels }) => ({
          ...{ name, link: status ?? null, vfs: number, most: max, free: free.length },
          networks: networks === "all" ? "all" : networks.map(nameOf),
          labels,
        })),
        vms: doctored.vms,
        looked: doctored.host.status === "up",
      })),
      findings: findingsDocument(findings),
    },
    text: paragraphs(
      `oVirt engine ${version ?? "of unknown version"}, cluster "${cluster.name}" at level ${cluster.level.major}.${cluster.level.minor}`,
      ...hosts.map(describeHost),
      findings.length === 0 ? "Nothing is missing." : describeFindings(findings),
    ),
  };
}

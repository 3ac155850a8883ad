/** `vnic-failover doctor`: what every host has for failover, what is missing, and how to fix it. */
import { evaluate, hostRules, type BridgeHealth, type Violation } from "../../../rules/index.js";
import { unpackedVersion } from "../../../rules/version.js";
import { mebibytesIn } from "../../../rules/wording.js";
import { formatPciAddress } from "../../../backends/libvirt/xml/pci-address.js";
import { asUnreachable } from "../../../backends/libvirt/host-errors.js";
import { whyNotFree, type VirtualFunction } from "../../../backends/libvirt/inventory.js";
import type { Answer, CommandContext } from "../../command.js";
import { healthOf, isLeftBehind, vfKey, vfsOf, type DoctorFacts } from "./doctor-facts.js";
import { describeFindings, findingsDocument } from "../../output/findings.js";
import { DriverMissing } from "../../../backends/libvirt/rpc/optional-drivers.js";
import {
  answering,
  surveyHostsFully,
  type AnsweringHost,
  type HostSurvey,
  type SurveyedPf,
} from "../../../backends/libvirt/host-survey.js";
import { indented, paragraphs, table } from "../../output/table.js";
import { surveyVms, type VmSurvey } from "./vm-survey.js";

export async function doctor({ cluster }: CommandContext): Promise<Answer> {
  const [hosts, { vms }, profiles] = await Promise.all([
    surveyHostsFully(cluster),
    surveyVms(cluster),
    cluster.profiles.all().catch((error: unknown) => {
      // What a host cannot tell, a finding of its own names.
      if (asUnreachable(error) !== undefined || error instanceof DriverMissing) return [];
      throw error;
    }),
  ]);
  return diagnose({
    hosts,
    reservedFor: reservations(vms),
    unevenProfiles: profiles
      .filter(({ differsOn }) => differsOn.length > 0)
      .map(({ profile: { name }, differsOn }) => ({ name, differsOn })),
  });
}

/** The answer that the facts give. Pure. */
export function diagnose(facts: DoctorFacts): Answer {
  const findings = evaluate(hostRules, healthOf(facts));
  return {
    outcome: findings.some(({ severity }) => severity === "error") ? "refused" : "ok",
    document: {
      hosts: facts.hosts.map((host) => hostDocument(host, facts)),
      findings: findingsDocument(findings),
    },
    text: paragraphs(...facts.hosts.map((host) => describeHost(host, facts)), summary(findings), trust(facts)),
  };
}

/** What no look at the hosts can tell, and a person should know. Undefined: nothing moves between them. */
function trust({ hosts }: DoctorFacts): string | undefined {
  return hosts.length < 2
    ? undefined
    : "note: hosts that migrate VMs to each other must trust each other: an attacker with root on one can gain root on the others. See docs/security.md.";
}

/** The VFs that journals speak for: bound to vfio, and rightly so. */
export function reservations(vms: readonly VmSurvey[]): ReadonlyMap<string, string> {
  return new Map(
    vms.flatMap(({ vm, journal }) =>
      (journal?.interfaces ?? []).flatMap(({ sourceVf, destinationVf }) => [
        [vfKey(journal?.from ?? "", { address: sourceVf }), vm] as const,
        [vfKey(journal?.to ?? "", { address: destinationVf }), vm] as const,
      ]),
    ),
  );
}

/** `free`, `used by web`, `reserved for web`, `orphaned`, or why it is not free: `its netdev ens1f0v2 is up`. */
function useOf(host: string, vf: VirtualFunction, { reservedFor }: DoctorFacts): string {
  if (vf.usedBy !== undefined) return `used by ${vf.usedBy}`;
  const vm = vf.reservedFor ?? reservedFor.get(vfKey(host, vf));
  if (vm !== undefined) return `reserved for ${vm}`;
  if (isLeftBehind(vf)) return "orphaned";
  return whyNotFree(vf) ?? "free";
}

function describeHost(host: HostSurvey, facts: DoctorFacts): string {
  if (!answering(host)) return `${host.name}: does not answer`;
  const heading = [
    `${host.name}: libvirt ${unpackedVersion(host.libvirtVersion)}`,
    `QEMU ${unpackedVersion(host.qemuVersion)}`,
    `IOMMU ${host.iommu === undefined ? "not known" : host.iommu ? "on" : "off"}`,
    `${mebibytesIn(host.freeMemoryKiB)} MiB of memory free`,
  ].join(", ");
  const networks = table(
    ["network", "bridge", "mtu", "ports", "physical functions"],
    host.networks.map(({ name, bridge, physicalFunctions }) => [
      name,
      bridge === undefined ? "" : describeBridge(bridge),
      bridge?.mtu?.toString() ?? "",
      bridge?.ports?.join(", ") ?? "",
      physicalFunctions.map(({ name, found }) => `${name} (${pfState(found)})`).join(", "),
    ]),
  );
  const vfs = table(
    ["vf", "pf", "driver", "use"],
    vfsOf(host).map((vf) => [
      formatPciAddress(vf.address),
      pfOf(host, vf),
      vf.driver ?? "",
      useOf(host.name, vf, facts),
    ]),
  );
  return [heading, indented(networks), indented(vfs)].filter((part) => part !== "").join("\n");
}

function describeBridge({ name, there }: BridgeHealth): string {
  return there === true ? name : `${name} (${there === "unknown" ? "not known" : "missing"})`;
}

function pfState(found: SurveyedPf["found"]): string {
  if (found === "unknown") return "not known";
  return found === undefined ? "missing" : found.linkUp ? "up" : "down";
}

function pfOf({ networks }: AnsweringHost, vf: VirtualFunction): string {
  const pf = networks
    .flatMap(({ physicalFunctions }) => physicalFunctions)
    .find(({ found }) => found !== "unknown" && found?.virtualFunctions.some(({ address }) => address === vf.address));
  return pf?.name ?? "";
}

function summary(findings: readonly Violation[]): string {
  return findings.length === 0 ? "Nothing is missing." : describeFindings(findings);
}

function hostDocument(host: HostSurvey, facts: DoctorFacts): object {
  if (!answering(host)) return host;
  const { networks, libvirtVersion, qemuVersion, ...rest } = host;
  return {
    ...rest,
    libvirtVersion: unpackedVersion(libvirtVersion),
    qemuVersion: unpackedVersion(qemuVersion),
    networks: networks.map(({ physicalFunctions, ...network }) => ({
      ...network,
      physicalFunctions: physicalFunctions.map(({ name, found }) => ({ name, state: pfState(found) })),
    })),
    vfs: vfsOf(host).map((vf) => ({
      address: formatPciAddress(vf.address),
      physicalFunction: pfOf(host, vf),
      driver: vf.driver ?? null,
      usedBy: vf.usedBy ?? null,
      use: useOf(host.name, vf, facts),
    })),
  };
}

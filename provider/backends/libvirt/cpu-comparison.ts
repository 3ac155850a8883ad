/** libvirt's own comparison of CPUs (src/libvirt-host.c, virConnectCompareCPU; src/qemu/qemu_driver.c, qemuConnectCompareHypervisorCPU). */
import { attribute, child, find, formatXml } from "../../xml/element.js";
import { CpuCompare } from "./constants.js";
import type { LibvirtHost } from "./host.js";
import { asUnreachable } from "./host-errors.js";
import { LibvirtError } from "./rpc/errors.js";
import type { Domain } from "./xml/domain.js";

type CpuComparison = "incompatible" | "identical" | "superset";

const comparisons: Readonly<Record<number, CpuComparison>> = {
  [CpuCompare.INCOMPATIBLE]: "incompatible",
  [CpuCompare.IDENTICAL]: "identical",
  [CpuCompare.SUPERSET]: "superset",
};

/**
 * How the destination's CPU compares with what the domain needs. Two hosts with equal CPUs need no closer look: libvirt's
 * comparison of a guest's expanded CPU with a hypervisor's knows no feature that only KVM provides, and would refuse it.
 * @param hostCpu `<cpu>` of the source's capabilities, where it has one.
 * @returns undefined where libvirt cannot tell: it compares once more when the migration begins.
 */
export async function compareCpu(
  domain: Domain,
  hostCpu: string | undefined,
  destination: LibvirtHost,
): Promise<CpuComparison | undefined> {
  try {
    const connection = await destination.connection();
    const hosts =
      hostCpu === undefined
        ? undefined
        : comparisons[(await connection.call("connect_compare_cpu", { xml: hostCpu, flags: 0 })).result];
    if (hosts === "identical" || hosts === "superset") return hosts;
    const cpu = child(domain.raw, "cpu");
    if (cpu === undefined || attribute(cpu, "mode") !== "custom" || attribute(cpu, "check") === "none")
      return undefined;
    const { result } = await connection.call("connect_compare_hypervisor_cpu", {
      emulator: null,
      arch: attribute(find(domain.raw, "os", "type"), "arch") ?? null,
      machine: null,
      virttype: attribute(domain.raw, "type") ?? null,
      xmlCPU: formatXml(cpu),
      flags: 0,
    });
    return comparisons[result];
  } catch (error) {
    if (!LibvirtError.is(error) && asUnreachable(error) === undefined) throw error;
    return undefined;
  }
}

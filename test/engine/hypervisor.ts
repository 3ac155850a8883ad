/** The devices of running domains, and what libvirt accepts of them. */
import type { Device, Host, HostNic, Model, Nic, Vm } from "./model.js";

/** libvirt said no: vdsm's answer to a hot-plug or hot-unplug. */
export class HotPlugRefused extends Error {
  override readonly name = "HotPlugRefused";
}

/** `ua-` and the id of the NIC (LibvirtVmXmlBuilder.java). */
export function nicAlias({ id }: Nic): string {
  return `ua-${id}`;
}

/** `ua-` and the id of the failover **profile** (VmDeviceCommonUtils.createFailoverVmDevice). */
export function standbyAlias(failoverProfile: string): string {
  return `ua-${failoverProfile}`;
}

/** @throws HotPlugRefused when the alias is in use in the domain. */
export function attach(vm: Vm, device: Device): void {
  if (vm.devices.some(({ alias }) => alias === device.alias)) {
    throw new HotPlugRefused(`unsupported configuration: non unique alias detected: ${device.alias}`);
  }
  vm.devices.push(device);
}

/** @throws HotPlugRefused when there is no such device. */
export function detach(vm: Vm, alias: string): Device {
  const device = vm.devices.find((candidate) => candidate.alias === alias);
  if (device === undefined) throw new HotPlugRefused(`device not found: no device with alias '${alias}'`);
  vm.devices = vm.devices.filter((candidate) => candidate !== device);
  return device;
}

export function virtualFunction(model: Model, id: string): HostNic | undefined {
  for (const { nics } of model.hosts.values()) {
    const found = nics.find((nic) => nic.id === id);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns every VF of the host that the VM has or that is set aside for it, except those in `kept`. */
export function freeVfs(host: Host, vm: string, kept: readonly string[] = []): void {
  for (const nic of host.nics) if (nic.usedBy === vm && !kept.includes(nic.id)) nic.usedBy = undefined;
}

/** The parts that the scenarios' programs are made of. */

export const mac = "52:54:00:aa:00:50";

export function program(...declarations: readonly string[]): string {
  return `import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";\n${declarations.join("\n")}`;
}

export const standby = `const standby = new VnicProfile("data", { network: "data" });`;

export const fast = `const fast = new VnicProfile("data-vf", {
  network: "data-vf", passThrough: "enabled", migratable: true, failover: standby,
});`;

/** @param more further arguments */
export function nic(more = ""): string {
  return `const nic = new VmInterface("nic", { vm: "web", profile: fast, mac: "${mac}", ${more} });`;
}

/** @param more further arguments */
export function placement(host: string, more = ""): string {
  return `new VmPlacement("placement", { vm: "web", host: "${host}", ${more} }, { dependsOn: nic });`;
}

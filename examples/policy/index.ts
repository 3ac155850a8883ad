/** No VM without failover: `pulumi preview --policy-pack examples/policy`. */
import { PolicyPack, validateResourceOfType, type PolicyResource } from "@pulumi/policy";
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";

new PolicyPack("vnic-failover", {
  policies: [
    {
      name: "interfaces-have-failover",
      description:
        "Every interface is of a profile with a failover, so that its VM can be moved and keeps its traffic.",
      enforcementLevel: "mandatory",
      validateStack: ({ resources }, report) => {
        for (const nic of resources.filter((resource) => resource.isType(VmInterface))) {
          // In a preview the profile's id may not be known yet; which resource it is, is. One of another stack is not seen here.
          const profile = nic.propertyDependencies["profile"]?.find((resource) => resource.isType(VnicProfile));
          if (profile !== undefined && !hasFailover(profile))
            report(`Its profile "${profile.name}" has no failover. Set failover of the profile.`, nic.urn);
        }
      },
    },
    {
      name: "placed-vms-have-interfaces",
      description: "Every VM that is placed has an interface in the same stack.",
      enforcementLevel: "mandatory",
      validateStack: ({ resources }, report) => {
        const vms = resources.filter((resource) => resource.isType(VmInterface)).map(({ props }) => vmOf(props));
        for (const { props, urn } of resources.filter((resource) => resource.isType(VmPlacement))) {
          if (!vms.includes(vmOf(props))) report(`VM "${vmOf(props)}" has no interface. Declare a VmInterface.`, urn);
        }
      },
    },
    {
      name: "moves-are-announced",
      description: "The network is told where the guest is while a VM moves.",
      enforcementLevel: "advisory",
      validateResource: validateResourceOfType(VmPlacement, ({ migration }, _args, report) => {
        if (migration?.announce === "none") report('migration.announce is "none": the switches learn late.');
      }),
    },
  ],
});

/** Another resource of the stack, or the id of a profile elsewhere. */
function hasFailover({ propertyDependencies, props }: PolicyResource): boolean {
  return (propertyDependencies["failover"] ?? []).length > 0 || typeof props["failover"] === "string";
}

function vmOf(props: Readonly<Record<string, unknown>>): string {
  return String(props["vm"]);
}

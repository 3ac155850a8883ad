/** The commands of the backend that the configuration names: the other's are not loaded. */
import type { CommandConfiguration } from "../configuration.js";
import type { Commands } from "./index.js";

/** Connects to nothing yet. */
export async function commandsOf(configuration: CommandConfiguration): Promise<Commands> {
  if ("engine" in configuration) {
    const { ovirtCommands } = await import("./ovirt/commands.js");
    return ovirtCommands(configuration.engine);
  }
  const [{ LibvirtCluster }, { libvirtCommands }] = await Promise.all([
    import("../../backends/libvirt/cluster.js"),
    import("./index.js"),
  ]);
  return libvirtCommands(new LibvirtCluster(configuration));
}

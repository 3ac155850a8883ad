/** The commands of the backend that the configuration names. */
import { LibvirtCluster } from "../../backends/libvirt/cluster.js";
import { libvirtCommands, type Commands } from "./index.js";
import type { CommandConfiguration } from "../configuration.js";
import { ovirtCommands } from "./ovirt/commands.js";

/** Connects to nothing yet. */
export function commandsOf(configuration: CommandConfiguration): Commands {
  return "engine" in configuration
    ? ovirtCommands(configuration.engine)
    : libvirtCommands(new LibvirtCluster(configuration));
}

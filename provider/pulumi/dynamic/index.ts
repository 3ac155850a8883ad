/** What the shell in each resource's state loads, by name: see resources/shell.ts. */
import { handlers } from "../../handlers/registry.js";
import type { Kind } from "../../model/kind.js";
import { dynamicProvider, type DynamicProvider } from "./provider.js";

export const dynamic = {
  VnicProfile: dynamicProvider(handlers.VnicProfile, "VnicProfile"),
  VmInterface: dynamicProvider(handlers.VmInterface, "VmInterface"),
  VmPlacement: dynamicProvider(handlers.VmPlacement, "VmPlacement"),
} satisfies Record<Kind, DynamicProvider>;

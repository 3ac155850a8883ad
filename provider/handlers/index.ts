/** What the shell in each resource's state loads, by name: see resources/shell.ts. */
import { handlers, type Kind } from "./by-kind.js";
import { dynamicProvider, type DynamicProvider } from "./dynamic.js";

export const dynamic = {
  VnicProfile: dynamicProvider(handlers.VnicProfile, "VnicProfile"),
  VmInterface: dynamicProvider(handlers.VmInterface, "VmInterface"),
  VmPlacement: dynamicProvider(handlers.VmPlacement, "VmPlacement"),
} satisfies Record<Kind, DynamicProvider>;

/**
 * What a state has for the handlers' own use: by which backend it was made, whether the MAC was made up, which NICs wait for
 * their VF, and the id of its note in the VM's metadata. The engine keeps such properties; SDKs have none for them.
 */
export const internal = ["backend", "macMadeUp", "unplugged", "claim"] as const;
export type Internal = (typeof internal)[number];

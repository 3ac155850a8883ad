/**
 * What a state has for the handlers' own use: by which backend it was made, whether the MAC was made up and which NICs wait for
 * their VF. The engine keeps such properties; SDKs have none for them.
 */
export const internal = ["backend", "macMadeUp", "unplugged"] as const;
export type Internal = (typeof internal)[number];

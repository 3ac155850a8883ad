/**
 * What a state has for the handlers' own use: how it was written, by which backend, which MAC was declared and which NICs
 * wait for their VF. The engine keeps such properties; SDKs have none for them.
 */
export const internal = ["schemaVersion", "backend", "declaredMac", "unplugged"] as const;
export type Internal = (typeof internal)[number];

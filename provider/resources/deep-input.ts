import type { Input } from "@pulumi/pulumi";

/** A value of which any part may be an output. */
export type DeepInput<T> = Input<T extends object ? { [Key in keyof T]: DeepInput<T[Key]> } : T>;

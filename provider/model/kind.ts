/** The resources of this package, by the name that both their type and their handler bear. */
export type Kind = "VnicProfile" | "VmInterface" | "VmPlacement";

import { RpcProtocolError } from "./errors.js";
import {
  array,
  type Codec,
  double,
  fixedOpaque,
  hyper,
  int,
  mapped,
  optional,
  string,
  struct,
  type TypeOf,
  uhyper,
  uint,
  union,
} from "./xdr.js";

/** The data types that libvirt's procedures share, named as in src/remote/remote_protocol.x without `remote_`. */

const REMOTE_STRING_MAX = 4_194_304;
const VIR_UUID_BUFLEN = 16;

export const nonnullString = string(REMOTE_STRING_MAX);
export const nullableString = optional(nonnullString);

/** 16 bytes on the wire, lower-case `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` here. */
export const uuid: Codec<string> = mapped(fixedOpaque(VIR_UUID_BUFLEN), bytesOfUuid, formatUuid);

export const domain = struct({ name: nonnullString, uuid, id: int });
/** `id` is -1 while the domain does not run. */
export type Domain = TypeOf<typeof domain>;

export const network = struct({ name: nonnullString, uuid });
export type Network = TypeOf<typeof network>;

/** remote_nonnull_interface: a network interface of the host. */
export const hostInterface = struct({ name: nonnullString, mac: nonnullString });
export const nodeDevice = struct({ name: nonnullString });

/** `hwaddr` is absent for interfaces that have none, `addrs[].type` is virIPAddrType: 0 IPv4, 1 IPv6. */
export const domainInterface = struct({
  name: nonnullString,
  hwaddr: nullableString,
  addrs: array(struct({ type: int, addr: nonnullString, prefix: uint }), 2048),
});

export const remoteError = struct({
  code: int,
  domain: int,
  message: nullableString,
  level: int,
  dom: optional(domain),
  str1: nullableString,
  str2: nullableString,
  str3: nullableString,
  int1: int,
  int2: int,
  net: optional(network),
});

/** virTypedParameterType (include/libvirt/libvirt-common.h.in). */
const typedValue = union({
  int: [1, int],
  uint: [2, uint],
  llong: [3, hyper],
  ullong: [4, uhyper],
  double: [5, double],
  boolean: [
    6,
    mapped(
      int,
      (value: boolean) => (value ? 1 : 0),
      (wire) => wire !== 0,
    ),
  ],
  string: [7, nonnullString],
});
export type TypedValue = TypeOf<typeof typedValue>;

const typedParameter = struct({ field: nonnullString, value: typedValue });
export type TypedParameter = TypeOf<typeof typedParameter>;

export function typedParameterList(max: number): Codec<TypedParameter[]> {
  return array(typedParameter, max);
}

/** Typed values by name, e.g. `typed.ullong(1n)`: libvirt refuses a parameter of another type than it expects. */
export const typed = {
  int: (value: number): TypedValue => ({ type: "int", value }),
  uint: (value: number): TypedValue => ({ type: "uint", value }),
  llong: (value: bigint): TypedValue => ({ type: "llong", value }),
  ullong: (value: bigint): TypedValue => ({ type: "ullong", value }),
  double: (value: number): TypedValue => ({ type: "double", value }),
  boolean: (value: boolean): TypedValue => ({ type: "boolean", value }),
  string: (value: string): TypedValue => ({ type: "string", value }),
} as const;

/** The parameters of a record, in its order; what is undefined is left out. */
export function typedParameters(record: Readonly<Record<string, TypedValue | undefined>>): TypedParameter[] {
  return Object.entries(record).flatMap(([field, value]) => (value === undefined ? [] : [{ field, value }]));
}

/** The plain values by field name. Of a field that stands there twice the last one counts. */
export function valuesOf(parameters: readonly TypedParameter[]): Record<string, TypedValue["value"]> {
  return Object.fromEntries(parameters.map(({ field, value }) => [field, value.value]));
}

function bytesOfUuid(text: string): Buffer {
  const digits = text.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(digits)) throw new RpcProtocolError(`${JSON.stringify(text)} is not a UUID`);
  return Buffer.from(digits, "hex");
}

function formatUuid(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

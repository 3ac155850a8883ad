export { type CallOptions, type KeepaliveOptions, RpcClient, type RpcClientOptions } from "./client.js";
export {
  type DomainEventName,
  type DomainEvents,
  LibvirtConnection,
  type MonitorEvent,
  type OpenOptions,
  type StopListening,
} from "./connection.js";
export {
  type Domain,
  type Network,
  typed,
  type TypedParameter,
  typedParameters,
  type TypedValue,
  valuesOf,
} from "./datatypes.js";
export {
  CallTimeoutError,
  ConnectionLostError,
  LibvirtError,
  type LibvirtErrorName,
  RpcProtocolError,
  VIR_ERR,
} from "./errors.js";
export type { Args, MessageName, ProcedureName, Ret } from "./procedures.js";

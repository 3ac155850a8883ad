import { foreignText } from "../../../model/foreign-text.js";
import { ProblemError, type Problem } from "../../../model/problem.js";

/** What arrived, or was to be sent, is not what libvirt's protocol definition allows. */
export class RpcProtocolError extends ProblemError {
  override readonly name = "RpcProtocolError";

  constructor(what: string, where?: string) {
    super({
      code: "libvirt-protocol",
      what,
      ...(where === undefined ? {} : { where }),
      remedy: "Check that the socket is libvirt's own, and not another service's.",
    });
  }
}

/** The stream to libvirt is gone: what was asked may or may not have been done. */
export class ConnectionLostError extends ProblemError {
  override readonly name = "ConnectionLostError";

  constructor(where: string, what = "The connection to libvirt was lost", cause?: unknown) {
    super(
      {
        code: "libvirt-connection-lost",
        what,
        where,
        state: "Whether the call in flight took effect is unknown.",
        remedy: "Check the host, then retry.",
      },
      cause === undefined ? undefined : { cause },
    );
  }
}

/** No answer within the time that the caller gave. The host may still carry the call out. */
export class CallTimeoutError extends ProblemError {
  override readonly name = "CallTimeoutError";

  constructor(procedure: string, timeoutMs: number, where: string) {
    super({
      code: "libvirt-call-timeout",
      what: `libvirt did not answer ${procedure} within ${timeoutMs} ms`,
      where,
      state: "Whether the call took effect is unknown.",
      remedy: "Check libvirt on the host (systemctl status libvirtd or virtqemud), then retry.",
    });
  }
}

/** libvirt's error numbers that mean something to this package (include/libvirt/virterror.h, virErrorNumber). */
export const VIR_ERR = {
  INTERNAL_ERROR: 1,
  NO_MEMORY: 2,
  NO_SUPPORT: 3,
  NO_CONNECT: 5,
  INVALID_CONN: 6,
  INVALID_DOMAIN: 7,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  XML_ERROR: 27,
  DOM_EXIST: 28,
  OPERATION_DENIED: 29,
  XML_DETAIL: 35,
  NETWORK_EXIST: 37,
  SYSTEM_ERROR: 38,
  RPC: 39,
  NO_DOMAIN: 42,
  NO_NETWORK: 43,
  INVALID_MAC: 44,
  AUTH_FAILED: 45,
  NO_INTERFACE: 57,
  NO_NODE_DEVICE: 53,
  OPERATION_INVALID: 55,
  CONFIG_UNSUPPORTED: 67,
  OPERATION_TIMEOUT: 68,
  MIGRATE_PERSIST_FAILED: 69,
  HOOK_SCRIPT_FAILED: 70,
  ARGUMENT_UNSUPPORTED: 74,
  OPERATION_ABORTED: 78,
  AUTH_CANCELLED: 79,
  NO_DOMAIN_METADATA: 80,
  MIGRATE_UNSAFE: 81,
  OVERFLOW: 82,
  OPERATION_UNSUPPORTED: 84,
  AGENT_UNRESPONSIVE: 86,
  RESOURCE_BUSY: 87,
  ACCESS_DENIED: 88,
  CPU_INCOMPATIBLE: 91,
  XML_INVALID_SCHEMA: 92,
  MIGRATE_FINISH_OK: 93,
  AUTH_UNAVAILABLE: 94,
  AGENT_UNSYNCED: 97,
  DEVICE_MISSING: 99,
  MULTIPLE_DOMAINS: 110,
  NO_NETWORK_METADATA: 111,
  AGENT_COMMAND_TIMEOUT: 112,
  AGENT_COMMAND_FAILED: 113,
} as const;

export type LibvirtErrorName = keyof typeof VIR_ERR;

const nameOfCode = new Map<number, string>(Object.entries(VIR_ERR).map(([name, code]) => [code, name]));

/** What libvirt said in a `remote_error` (src/remote/remote_protocol.x). */
export interface LibvirtFault {
  /** virErrorNumber, see {@link VIR_ERR}. */
  readonly code: number;
  /** virErrorDomain: the part of libvirt that speaks, e.g. 10 QEMU, 19 network, 20 domain XML. */
  readonly domain: number;
  /** virErrorLevel: 1 warning, 2 error. */
  readonly level: number;
  readonly message: string | null;
}

/** libvirt refused or failed a call. `libvirtMessage` is its own text, unchanged. */
export class LibvirtError extends ProblemError {
  override readonly name: string = "LibvirtError";
  readonly code: number;
  readonly domain: number;
  readonly level: number;
  readonly libvirtMessage: string;

  constructor(
    readonly procedure: string,
    fault: LibvirtFault,
    where: string,
    problem?: Problem,
  ) {
    const text = fault.message ?? "no message";
    super(
      problem ?? {
        code: problemCode(fault.code),
        what: `Unable to call ${procedure}: libvirt says: ${foreignText(text)}`,
        where,
      },
    );
    this.code = fault.code;
    this.domain = fault.domain;
    this.level = fault.level;
    this.libvirtMessage = text;
  }

  override get quote(): string | undefined {
    return `libvirt${this.problem.where === undefined ? "" : ` on ${this.problem.where}`} reports: ${foreignText(this.libvirtMessage)}`;
  }

  /** Whether `error` is one that libvirt itself raised, with one of these codes (any code, if none is named). */
  static is(error: unknown, ...names: LibvirtErrorName[]): error is LibvirtError {
    return error instanceof LibvirtError && (names.length === 0 || names.some((name) => VIR_ERR[name] === error.code));
  }
}

function problemCode(code: number): string {
  const name = nameOfCode.get(code);
  return name === undefined ? `libvirt-error-${code}` : `libvirt-${name.toLowerCase().replaceAll("_", "-")}`;
}

/** The errors of a host that could not be asked, and how they are told from others. */
import { ProblemError, reasonOf, type Problem } from "../../model/problem.js";
import { CallTimeoutError, ConnectionLostError, LibvirtError } from "./rpc/errors.js";
import { SshError } from "./transport/index.js";

/** A host could not be asked: what it holds is not known, and nothing may be concluded from that. */
export class HostUnreachable extends ProblemError {
  override readonly name: string = "HostUnreachable";
  constructor(
    readonly host: string,
    cause: unknown,
    { code, what, remedy }: Problem = {
      code: "host-unreachable",
      what: `Unable to reach host "${host}"`,
      remedy: "Check that the host is up and that libvirt runs there.",
    },
  ) {
    const help = (cause instanceof ProblemError ? cause.problem.remedy : undefined) ?? remedy;
    super(
      {
        code,
        what: `${what}: ${reasonOf(cause)}`,
        where: host,
        ...(help !== undefined && { remedy: help }),
      },
      { cause, causeIsTold: true },
    );
  }
}

/**
 * It answers, and this program is not let in, or does not trust it: the login, its SSH key, libvirt's own permission. As little is
 * known of what it holds as of one that does not answer; but waiting for it is no help.
 */
export class HostRefused extends HostUnreachable {
  override readonly name = "HostRefused";
  constructor(host: string, cause: unknown) {
    super(host, cause, { code: "host-refused", what: `Unable to use host "${host}"` });
  }
}

/** Libvirt's own refusals (remote_daemon_dispatch.c, access control, and polkit). */
const deniedByLibvirt = [
  "AUTH_FAILED",
  "AUTH_CANCELLED",
  "AUTH_UNAVAILABLE",
  "OPERATION_DENIED",
  "ACCESS_DENIED",
] as const;

/** What the transport and the connection say of it. */
const refusals = ["libvirt-socket-denied", "libvirt-authentication", "tls-certificate", "tls-refused", "tls-files"];

export function isRefusal(error: unknown): boolean {
  if (error instanceof SshError && error.refused) return true;
  if (LibvirtError.is(error, ...deniedByLibvirt)) return true;
  if (error instanceof ProblemError && refusals.includes(error.problem.code)) return true;
  return error instanceof Error && error.cause !== undefined && isRefusal(error.cause);
}

/** Of several that could not be asked, those first that waiting does not help. */
export function refusedFirst(hosts: readonly HostUnreachable[]): readonly HostUnreachable[] {
  const isRefused = (host: HostUnreachable) => host instanceof HostRefused;
  return [...hosts.filter(isRefused), ...hosts.filter((host) => !isRefused(host))];
}

/** The failure as that of a host that does not answer, where it is one: a connection that breaks tells no more than none. */
export function asUnreachable(error: unknown): HostUnreachable | undefined {
  if (error instanceof HostUnreachable) return error;
  const isLost = error instanceof ConnectionLostError || error instanceof CallTimeoutError;
  return isLost ? new HostUnreachable(error.problem.where ?? "", error) : undefined;
}

/** What the host answers, or the error of a host that is unreachable: that is a fact. */
export async function unlessUnreachable<T>(ask: () => Promise<T>): Promise<T | HostUnreachable> {
  try {
    return await ask();
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable === undefined) throw error;
    return unreachable;
  }
}

/** Whether the failure is that of the connection: what happened to the call on the host is not known. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof ConnectionLostError || error instanceof CallTimeoutError || error instanceof HostUnreachable;
}

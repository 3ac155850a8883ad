import { connect, type Socket } from "node:net";
import { ProblemError } from "../../../model/problem.js";
import type { UnixUri } from "../../../config/host-uri.js";

/**
 * Connects to libvirt's socket on this machine.
 * @throws ProblemError `libvirt-socket`; `libvirt-socket-denied` where this user may not use it.
 */
export function connectUnix(uri: UnixUri, environment: NodeJS.ProcessEnv = process.env): Promise<Socket> {
  const path = uri.socket ?? sessionSocket(environment);
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (cause: NodeJS.ErrnoException) =>
      reject(
        new ProblemError(
          {
            code: cause.code === "EACCES" || cause.code === "EPERM" ? "libvirt-socket-denied" : "libvirt-socket",
            what: "Unable to connect to libvirt's socket",
            where: path,
            remedy: "Check that libvirt runs on this machine and that the user may use its socket (group libvirt).",
          },
          { cause },
        ),
      );
    // Stays attached: an error without a listener would end the process.
    socket.on("error", fail);
    socket.once("connect", () => resolve(socket));
  });
}

/** Where a user's own libvirt listens (src/remote/remote_sockets.c and GLib's g_get_user_runtime_dir). */
function sessionSocket(environment: NodeJS.ProcessEnv): string {
  return `${environment["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`}/libvirt/libvirt-sock`;
}

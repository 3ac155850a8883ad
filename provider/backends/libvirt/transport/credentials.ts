/** What a host is logged in to with. From secret configuration; never part of a resource, an error or a log. */
export interface SshCredentials {
  /** A private key's own text. */
  readonly sshPrivateKey?: string | undefined;
  /** Opens that key, and key files. */
  readonly sshPassphrase?: string | undefined;
  readonly sshPassword?: string | undefined;
  /**
   * The one host key that is accepted: `ssh-ed25519 AAAA…` as in known_hosts, or `SHA256:…` as ssh-keygen prints it.
   * Then no known_hosts file is read.
   */
  readonly hostKey?: string | undefined;
}

export interface SshOptions extends SshCredentials {
  /** OpenSSH's client configuration: `none`, or the file that is read alone. Default: the user's and the system's. */
  readonly sshConfig?: string | undefined;
}

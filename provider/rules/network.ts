/** A logical network, as the rules see it: what the cluster's configuration or oVirt says of it. */
export interface LogicalNetwork {
  readonly name: string;
  /** Provided by something outside the cluster (oVirt: an external provider). Default false. */
  readonly external?: boolean | undefined;
  /** VMs may use it. Default true. */
  readonly vmNetwork?: boolean | undefined;
  /** VMs on it can't reach each other. Default false. */
  readonly portIsolation?: boolean | undefined;
  /** The Linux bridge that virtio interfaces are plugged into. */
  readonly bridge?: string | undefined;
  /** Netdevs of the physical functions whose VFs passthrough interfaces get. */
  readonly physicalFunctions?: readonly string[] | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
}

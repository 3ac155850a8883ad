/** The kernel's drivers of PFs and VFs: which are VFIO, and which VFs go with which PF. */

interface Driven {
  readonly driver: string;
}

/** VFIO itself or one of its variants, such as `mlx5_vfio_pci`. */
export function isVfio(driver: string): boolean {
  return /^vfio[-_]pci$|_vfio_pci$/.test(driver);
}

/** Network drivers of VFs, with their PF's driver and the VFIO variant that libvirt ≥ 10.0 prefers (modules.alias). */
const known = [
  { vf: "igbvf", pf: "igb" },
  { vf: "ixgbevf", pf: "ixgbe" },
  { vf: "iavf", pf: "i40e" },
  { vf: "mlx5_core", pf: "mlx5_core", variant: "mlx5_vfio_pci" },
  { vf: "mlx4_core", pf: "mlx4_core" },
  { vf: "bnxt_en", pf: "bnxt_en" },
  { vf: "hns3vf", pf: "hns3" },
] as const satisfies readonly { readonly vf: string; readonly pf: string; readonly variant?: string }[];

const ofLab = "igbvf";

/** What libvirt binds a VF of that driver to when it may choose (virPCIDeviceFindBestVFIOVariant). */
export function vfioDriverFor(driver: string): string {
  const found = known.find(({ vf }) => vf === driver);
  return found !== undefined && "variant" in found ? found.variant : "vfio-pci";
}

/** The network driver of a PF's VFs, as far as one of them tells. */
export function hostDriverOf(virtualFunctions: readonly Driven[]): string {
  const told = virtualFunctions.find(({ driver }) => !isVfio(driver))?.driver;
  const variant = known.find(
    (each) => "variant" in each && virtualFunctions.some(({ driver }) => driver === each.variant),
  );
  return told ?? variant?.vf ?? ofLab;
}

/** The driver of a PF that has such VFs. */
export function physicalDriverOf(virtualFunctions: readonly Driven[]): string {
  const ofVfs = hostDriverOf(virtualFunctions);
  return known.find(({ vf }) => vf === ofVfs)?.pf ?? "igb";
}

/** The network driver that each VF was last seen with. */
export function ownDrivers<VF extends Driven & object>() {
  const seen = new WeakMap<VF, string>();
  return {
    note(vf: VF): void {
      if (!isVfio(vf.driver)) seen.set(vf, vf.driver);
    },
    of: (vf: VF): string | undefined => seen.get(vf),
  };
}

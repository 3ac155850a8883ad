/** The handler of each kind of resource, whichever front end calls it. */
import type { Kind } from "../model/kind.js";
import { byBackend } from "./backend-dispatch.js";
import { configured } from "./configured.js";
import { inTurn, type VmKey } from "./in-turn.js";
import * as ovirt from "./ovirt/index.js";
import { clusterOf } from "./libvirt/session.js";
import { vmInterface } from "./libvirt/vm-interface.js";
import { vmPlacement } from "./libvirt/vm-placement.js";
import { vnicProfile } from "./libvirt/vnic-profile.js";
import type { HandlerContext } from "./handler.js";

/** With libvirt a VM's devices come and go during a move, so that even a look at it would mislead. */
const withLibvirt = {
  keyOf: (ctx: HandlerContext, vm: string): VmKey => ({ scope: clusterOf(ctx), vm }),
  looks: true,
};
/** The engine says at any time what a VM has. */
const onOvirt = { keyOf: ovirt.keyOfVm, looks: false };

export const handlers = {
  VnicProfile: configured(byBackend(vnicProfile, ovirt.vnicProfile)),
  VmInterface: configured(
    byBackend(
      inTurn(vmInterface, { ...withLibvirt, moves: false }),
      inTurn(ovirt.vmInterface, { ...onOvirt, moves: false }),
    ),
  ),
  VmPlacement: configured(
    byBackend(
      inTurn(vmPlacement, { ...withLibvirt, moves: true }),
      inTurn(ovirt.vmPlacement, { ...onOvirt, moves: true }),
    ),
  ),
} satisfies Readonly<Record<Kind, unknown>>;

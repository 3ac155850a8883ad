/** What a preview asks, and what an `up` would do. */
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vmPlacement } from "../../provider/handlers/libvirt/vm-placement.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import type { StackConfig } from "../../provider/handlers/handler.js";
import { clusterOf } from "../../provider/handlers/libvirt/session.js";
import { recover } from "../../provider/migration/recover.js";
import type { DeclaredPair } from "../hosts/declared.js";
import { vfProfile } from "../hosts/declared.js";
import { vm, type LabLike } from "../hosts/two-hosts.js";
import { journalOf, leave } from "../hosts/left-journal.js";

export function handlersOf(lab: LabLike, pair: DeclaredPair, config: StackConfig) {
  const context = () => lab.context({ config });
  const nic = { vm: vm.name, profile: pair.profile, mac: vm.mac };
  const more = { ...nic, mac: "52:54:00:aa:00:51" };
  const placement = { vm: vm.name, host: "host2" };
  const profile = { ...vfProfile, failover: pair.standbyProfile };
  const stored = { ...profile, name: "other" };
  return {
    previews: {
      "a placement that moves": () => vmPlacement.check(context(), placement, undefined),
      "a diff of it": () =>
        vmPlacement.diff(context(), vm.name, { ...placement, host: "host1", missing: [] }, placement),
      "a refresh of it": () => vmPlacement.read(context(), vm.name, { ...placement, missing: [] }),
      "an interface that is there": () => vmInterface.check(context(), nic, { ...nic, plugged: true, linked: true }),
      "a new interface": () => vmInterface.check(context(), { ...more, vm: "desk" }, undefined),
      "a refresh of an interface": () => vmInterface.read(context(), pair.id, pair.state),
      "a new profile": () => vnicProfile.check(context(), stored, undefined),
    },
    changes: {
      move: () => vmPlacement.update(context(), vm.name, { ...placement, host: "host1", missing: [] }, placement),
      unplug: () => vmInterface.delete(context(), pair.id, pair.state),
      profile: () => vnicProfile.create(context(), stored),
      recover: () => {
        leave(lab, journalOf(pair));
        return recover(clusterOf(context()), vm.name, { now: true });
      },
    },
  };
}

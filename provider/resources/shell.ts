import type { DynamicProvider } from "../handlers/dynamic";

/** The resources of this package, by the name that their type and their handler bear. */
export type Kind = "VnicProfile" | "VmInterface" | "VmPlacement";

const HANDLERS = "pulumi-vnic-failover/handlers";

const shells = new Map<string, DynamicProvider>();

/**
 * The provider of a kind: all that Pulumi copies into each resource's state, as source text. It loads the handlers of the
 * package that is installed then, by name: a new version of the package takes effect without touching any resource, and
 * nothing of this process (secrets, sockets) can be captured. One object a kind, for Pulumi serializes each object anew.
 *
 * @param handlers the module to load: it exports `dynamic`, a DynamicProvider for each kind.
 */
export function shell(kind: Kind, handlers = HANDLERS): DynamicProvider {
  const key = `${handlers}#${kind}`;
  const made = shells.get(key) ?? newShell(kind, handlers);
  shells.set(key, made);
  return made;
}

type HandlersModule = { readonly dynamic: Readonly<Record<Kind, DynamicProvider>> };

function newShell(kind: Kind, handlers: string): DynamicProvider {
  // Each function goes into the state by itself, as text beside the names that it captures: few words, and no others.
  const load = () => import(handlers).then((m: HandlersModule) => m.dynamic[kind]);
  return {
    configure: (...a) => load().then((p) => p.configure(...a)),
    check: (...a) => load().then((p) => p.check(...a)),
    diff: (...a) => load().then((p) => p.diff(...a)),
    create: (...a) => load().then((p) => p.create(...a)),
    read: (...a) => load().then((p) => p.read(...a)),
    update: (...a) => load().then((p) => p.update(...a)),
    delete: (...a) => load().then((p) => p.delete(...a)),
  };
}

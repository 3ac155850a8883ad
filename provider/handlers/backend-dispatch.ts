/** One resource over two backends: the stack's configuration says, call by call, which handler it is for. */
import { backendOf, type Backend } from "../config/index.js";
import { ProblemError } from "../model/problem.js";
import type { Handler, HandlerContext } from "./handler.js";

/** What the state of a resource on oVirt has; with libvirt it has no such mark. */
export interface OvirtMark {
  readonly backend: "ovirt";
}

/**
 * A resource belongs to the backend that made it: where the stack's configuration has changed to the other one, nothing
 * is asked of that, which would take the resource for gone.
 */
export function byBackend<Inputs extends object, Libvirt extends object, Ovirt extends OvirtMark>(
  libvirt: Handler<Inputs, Libvirt>,
  ovirt: Handler<Inputs, Ovirt>,
): Handler<Inputs, Libvirt | Ovirt> {
  type Common = Handler<Inputs, Libvirt | Ovirt>;
  // A handler gets states of its own kind only: `of` sees to that.
  const handlers = { libvirt, ovirt } as unknown as Readonly<Record<Backend, Common>>;
  const chosen = ({ config }: HandlerContext): Common => handlers[backendOf(config)];
  const of = async <T>(ctx: HandlerContext, state: object, call: (handler: Common) => Promise<T>): Promise<T> => {
    const [configured, owner] = [backendOf(ctx.config), ownerOf(state)];
    if (owner !== undefined && owner !== configured) throw elsewhere(owner, configured);
    return call(chosen(ctx));
  };
  return {
    check: async (ctx, news, olds) => chosen(ctx).check(ctx, news, olds),
    create: async (ctx, inputs) => chosen(ctx).create(ctx, inputs),
    diff: (ctx, id, state, news, olds) => of(ctx, state, (handler) => handler.diff(ctx, id, state, news, olds)),
    read: (ctx, id, state) => of(ctx, state, (handler) => handler.read(ctx, id, state)),
    import: async (ctx, name) => chosen(ctx).import?.(ctx, name),
    update: (ctx, id, state, news) => of(ctx, state, (handler) => handler.update(ctx, id, state, news)),
    delete: (ctx, id, state) => of(ctx, state, (handler) => handler.delete(ctx, id, state)),
  };
}

/** Undefined: the state is of no resource yet, as on `pulumi import`. */
function ownerOf(state: object): Backend | undefined {
  if ("backend" in state && state.backend === "ovirt") return "ovirt";
  return Object.keys(state).length > 0 ? "libvirt" : undefined;
}

function elsewhere(owner: Backend, configured: Backend): ProblemError {
  const made = { libvirt: "with libvirt", ovirt: "on oVirt" };
  const named = { libvirt: "libvirt hosts", ovirt: "an oVirt engine" };
  return new ProblemError({
    code: "other-backend",
    what: `The resource was created ${made[owner]}, but the stack is configured for ${named[configured]}`,
    remedy: "Restore the previous configuration, or use a separate stack for the other backend.",
  });
}

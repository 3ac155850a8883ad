/** A handler whose operations on one VM wait for this process's moves of it: a forgotten `dependsOn` is no error. */
import type { Handler, HandlerContext } from "./handler.js";
import { Turns } from "./turns.js";

export interface VmKey {
  /** The cluster or engine that has the VM. */
  readonly scope: object;
  /** The VM there, the same however it is called. */
  readonly vm: string;
}

export interface TurnRules {
  readonly keyOf: (ctx: HandlerContext, vm: string) => VmKey | Promise<VmKey>;
  /** Whether create and update move the VM. */
  readonly moves: boolean;
  /** Whether checks and reads, too, would be misled by a VM that is being moved. */
  readonly looks: boolean;
}

const turnsOf = new WeakMap<object, Turns>();

type OfVm = object & { readonly vm: string };

export function inTurn<Inputs extends OfVm, State extends OfVm>(
  handler: Handler<Inputs, State>,
  { keyOf, moves, looks }: TurnRules,
): Handler<Inputs, State> {
  async function take<T>(ctx: HandlerContext, name: string, alone: boolean, act: () => Promise<T>): Promise<T> {
    const { scope, vm } = await keyOf(ctx, name);
    const turns = turnsOf.get(scope) ?? new Turns();
    turnsOf.set(scope, turns);
    const who = ctx.urn === undefined ? "another resource" : `resource "${ctx.urn.split("::").at(-1) ?? ""}"`;
    const turn = { alone, name: alone ? `the move of VM "${name}" by ${who}` : `${who} to finish with VM "${name}"` };
    return turns.take(vm, turn, act, {
      waiting: (forWhom) => ctx.progress.report({ phase: "wait", message: `waiting for ${forWhom}` }),
      signal: ctx.signal,
    });
  }
  const look = <T>(ctx: HandlerContext, name: string, act: () => Promise<T>) =>
    looks ? take(ctx, name, false, act) : act();

  return {
    ...handler,
    check(ctx, news, olds) {
      const vm = typeof news === "object" && news !== null && "vm" in news ? news.vm : undefined;
      const check = () => handler.check(ctx, news, olds);
      return typeof vm === "string" && vm !== "" ? look(ctx, vm, check) : check();
    },
    create: (ctx, inputs) => take(ctx, inputs.vm, moves, () => handler.create(ctx, inputs)),
    read: (ctx, id, state) => look(ctx, state.vm, () => handler.read(ctx, id, state)),
    update: (ctx, id, state, news) => take(ctx, state.vm, moves, () => handler.update(ctx, id, state, news)),
    delete: (ctx, id, state) => take(ctx, state.vm, false, () => handler.delete(ctx, id, state)),
  };
}

import { describe, expect, it } from "vitest";
import { byBackend } from "../../provider/handlers/backend-dispatch.js";
import type { Handler, HandlerContext, StackConfig } from "../../provider/handlers/handler.js";
import { noProgress } from "../../provider/model/progress.js";

interface Inputs {
  readonly name: string;
}
interface OvirtState extends Inputs {
  readonly backend: "ovirt";
}

/** Says who was called. */
function recording<State extends object>(calls: string[], who: string, state: State): Handler<Inputs, State> {
  const called = <T>(what: string, answer: T): Promise<T> => {
    calls.push(`${who} ${what}`);
    return Promise.resolve(answer);
  };
  const inputs = { name: "a" };
  return {
    check: () => called("check", { inputs, failures: [] }),
    diff: () => called("diff", { changes: false, replaces: [], deleteBeforeReplace: false }),
    create: () => called("create", { id: "1", state }),
    read: () => called("read", { id: "1", state, inputs }),
    update: () => called("update", { state }),
    delete: () => called("delete", undefined),
  };
}

const over: Readonly<Record<"libvirt" | "ovirt", StackConfig>> = { libvirt: { cluster: "{}" }, ovirt: { ovirt: "{}" } };
const libvirtState: Inputs = { name: "a" };
const ovirtState: OvirtState = { ...libvirtState, backend: "ovirt" };
const context = (config: StackConfig): HandlerContext => ({ config, progress: noProgress });

function setUp() {
  const calls: string[] = [];
  const handler = byBackend(recording(calls, "libvirt", libvirtState), recording(calls, "ovirt", ovirtState));
  return { calls, handler };
}

describe("a handler over two backends", () => {
  it.each([
    ["libvirt", libvirtState],
    ["ovirt", ovirtState],
  ] as const)("is %s's where the stack's configuration says so", async (backend, state) => {
    const { calls, handler } = setUp();
    const ctx = context(over[backend]);
    await handler.check(ctx, {});
    await handler.create(ctx, { name: "a" });
    await handler.diff(ctx, "1", state, { name: "a" });
    await handler.read(ctx, "1", state);
    await handler.update(ctx, "1", state, { name: "a" });
    await handler.delete(ctx, "1", state);
    const operations = ["check", "create", "diff", "read", "update", "delete"];
    expect(calls).toEqual(operations.map((operation) => `${backend} ${operation}`));
  });

  it.each([
    ["libvirt", ovirtState],
    ["ovirt", libvirtState],
  ] as const)("never takes to %s what the other has made", async (backend, state) => {
    const { calls, handler } = setUp();
    const ctx = context(over[backend]);
    const refusal = /was created (with libvirt|on oVirt), but the stack is configured for/;
    await expect(handler.read(ctx, "1", state)).rejects.toThrow(refusal);
    await expect(handler.diff(ctx, "1", state, { name: "a" })).rejects.toThrow(refusal);
    await expect(handler.update(ctx, "1", state, { name: "a" })).rejects.toThrow(refusal);
    await expect(handler.delete(ctx, "1", state)).rejects.toThrow(refusal);
    expect(calls).toEqual([]);
  });

  it("reads what is imported, which has no state yet", async () => {
    const { calls, handler } = setUp();
    await handler.read(context(over.ovirt), "1", {} as OvirtState);
    expect(calls).toEqual(["ovirt read"]);
  });

  it("refuses configurations of none or both", async () => {
    const { handler } = setUp();
    await expect(handler.check(context({}), {})).rejects.toThrow(/no vnic-failover:cluster/);
    await expect(handler.check(context({ ...over.libvirt, ...over.ovirt }), {})).rejects.toThrow(/has both/);
  });
});

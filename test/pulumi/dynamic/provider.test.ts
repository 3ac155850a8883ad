import { runtime } from "@pulumi/pulumi";
import { describe, expect, test, vi } from "vitest";
import { dynamicProvider, type DynamicProvider } from "../../../provider/pulumi/dynamic/provider.js";
import { PartialFailure, type Handler, type HandlerContext } from "../../../provider/handlers/handler.js";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { ProblemError } from "../../../provider/model/problem.js";

type Inputs = { mac: string; host?: string | undefined };
type State = Inputs & { vf?: string | undefined };

const hidden = { __provider: "the shell", __urn: "urn:pulumi:dev::test::type::nic" };
const problem = { code: "no-host", what: 'Unable to reach host "host1"', remedy: "Start it." };

/** A handler that does nothing, but for what the test gives it. */
function provider(parts: Partial<Handler<Inputs, State>>): DynamicProvider {
  const unused = () => Promise.reject(new Error("not part of this test"));
  const handler = {
    check: unused,
    diff: unused,
    create: unused,
    read: unused,
    update: unused,
    delete: unused,
    ...parts,
  };
  return dynamicProvider<Inputs, State>(handler, "VmInterface");
}

/** As the engine does it, with the stack's configuration. */
function configured(parts: Partial<Handler<Inputs, State>>, config: Record<string, string> = {}): DynamicProvider {
  const made = provider(parts);
  void made.configure({ config: { get: (key) => config[key], require: (key) => config[key] ?? "" } });
  return made;
}

describe("configuration", () => {
  test("is there before any handler runs, in whatever order the process calls", async () => {
    const read = vi.fn((_ctx: HandlerContext, id: string, state: State) =>
      Promise.resolve({ id, state, inputs: state }),
    );
    const made = provider({ read });
    const reading = made.read("nic", { mac: "a", ...hidden });
    await Promise.resolve();
    expect(read).not.toHaveBeenCalled();

    const config: Record<string, string> = { "vnic-failover:cluster": '{"hosts":{}}', "other:token": "s" };
    await made.configure({ config: { get: (key) => config[key], require: (key) => config[key] ?? "" } });
    await reading;
    expect(read.mock.calls[0]?.[0]).toMatchObject({ config: { cluster: '{"hosts":{}}' }, urn: hidden.__urn });
    expect(read.mock.calls[0]?.[0].config).not.toHaveProperty("token");
  });
});

describe("values", () => {
  /** What an interface's state has for outputs that are none. */
  const nothing = { vmId: null, host: null, vf: null, xml: null };

  test("unknown ones reach the handler as UNKNOWN and go back as Pulumi's own, however deep", async () => {
    const check = vi.fn((_ctx: HandlerContext, news: unknown) =>
      Promise.resolve({ inputs: news as Inputs, failures: [] }),
    );
    const news = { mac: runtime.unknownValue, qos: { inbound: [runtime.unknownValue, 3] }, ...hidden };
    const { inputs } = await configured({ check }).check({}, news);
    expect(check.mock.calls[0]?.[1]).toEqual({ mac: UNKNOWN, qos: { inbound: [UNKNOWN, 3] } });
    expect(inputs).toEqual(news);
  });

  test("undefined ones are left out: the wire has none", async () => {
    const state = { mac: "a", speed: undefined, ports: [undefined, { index: undefined }] };
    const { outs } = await configured({ create: () => Promise.resolve({ id: "nic", state }) }).create(hidden);
    expect(outs).toStrictEqual({ mac: "a", ports: [null, {}], ...nothing, ...hidden });
  });

  test("outputs that are nothing are null in a state, so that a preview knows them, and no handler's business", async () => {
    const states: unknown[] = [];
    const note = <T>(state: unknown, answer: T): Promise<T> => Promise.resolve((states.push(state), answer));
    const unchanged = { changes: false, replaces: [], deleteBeforeReplace: false };
    const made = configured({
      create: () => Promise.resolve({ id: "nic", state: { mac: "a", vf: undefined } }),
      diff: (_ctx, _id, state) => note(state, unchanged),
      read: (_ctx, _id, state) => note(state, undefined),
      update: (_ctx, _id, state) => note(state, { state: { mac: "a" } }),
      delete: (_ctx, _id, state) => note(state, undefined),
    });
    const { outs = {} } = await made.create(hidden);
    expect(outs).toEqual({ mac: "a", ...nothing, ...hidden });
    for (const state of [outs, { mac: "a", ...hidden }]) {
      await made.diff("nic", state, hidden);
      await made.read("nic", state);
      await made.update("nic", state, hidden);
      await made.delete("nic", state);
    }
    expect(states).toEqual(Array(8).fill({ mac: "a" }));
  });

  test("hidden ones are no handler's business, and survive each operation", async () => {
    const seen: unknown[] = [];
    const made = configured({
      update: (_ctx, _id, state, news) => {
        seen.push(state, news);
        return Promise.resolve({ state: { ...news, vf: "0000:01:10.0" } });
      },
      read: (_ctx, id, state) => Promise.resolve({ id, state, inputs: { mac: state.mac } }),
    });
    const { outs } = await made.update("nic", { mac: "a", ...hidden }, { mac: "b", ...hidden });
    expect(seen).toEqual([{ mac: "a" }, { mac: "b" }]);
    expect(outs).toEqual({ mac: "b", ...nothing, vf: "0000:01:10.0", ...hidden });
    expect(await made.read("nic", outs)).toEqual({ id: "nic", props: outs, inputs: { mac: "b", ...hidden } });
  });

  test("what is gone has no id", async () => {
    expect(await configured({ read: () => Promise.resolve(undefined) }).read("nic", hidden)).toEqual({});
  });

  test("of the old inputs a new resource has none", async () => {
    const check = vi.fn(() => Promise.resolve({ inputs: { mac: "a" }, failures: [] }));
    const made = configured({ check });
    await made.check({}, hidden);
    await made.check({ mac: "a", ...hidden }, hidden);
    expect(check.mock.calls.map((call: unknown[]) => call[2])).toEqual([undefined, { mac: "a" }]);
  });
});

describe("refusals", () => {
  test("are the whole resource's, with the property in the text: the engine prints the value of a property", async () => {
    const failures = [
      { property: "mac", reason: "Invalid" },
      { property: "", reason: "Two VFs" },
    ];
    const made = configured({ check: () => Promise.resolve({ inputs: { mac: "secret" }, failures }) });
    expect((await made.check({}, hidden)).failures).toEqual([
      { property: "", reason: "mac: Invalid" },
      { property: "", reason: "Two VFs" },
    ]);
  });

  test("are what a problem in check becomes; other errors stay errors", async () => {
    const made = configured({ check: () => Promise.reject(new ProblemError(problem)) });
    const { inputs, failures } = await made.check({}, { mac: "a", ...hidden });
    expect(inputs).toEqual({ mac: "a", ...hidden });
    expect(failures).toEqual([{ property: "", reason: 'Unable to reach host "host1". Start it.' }]);

    const broken = configured({ check: () => Promise.reject(new TypeError("x is not a function")) });
    await expect(broken.check({}, hidden)).rejects.toMatchObject({ name: "TypeError" });
  });
});

describe("diff", () => {
  test.each([
    [{ changes: false, replaces: [], deleteBeforeReplace: false }],
    [{ changes: true, replaces: [], deleteBeforeReplace: false }],
  ])("passes %j on", async (diff) => {
    expect(await configured({ diff: () => Promise.resolve(diff) }).diff("nic", hidden, hidden)).toEqual(diff);
  });

  test("leaves `changes` out where the engine is to compare the inputs", async () => {
    const diff = { changes: undefined, replaces: ["mac"], deleteBeforeReplace: true };
    const answer = await configured({ diff: () => Promise.resolve(diff) }).diff("nic", hidden, hidden);
    expect(answer).toStrictEqual({ replaces: ["mac"], deleteBeforeReplace: true });
  });
});

describe("errors", () => {
  test("a failure half-way saves what exists, with what the engine needs to find the provider again", async () => {
    const failure = new PartialFailure(problem, "nic", { mac: "a", vf: undefined });
    const made = configured({ create: () => Promise.reject(failure), update: () => Promise.reject(failure) });
    const saved = {
      message: failure.message,
      id: "nic",
      properties: { mac: "a", ...hidden },
      reasons: ['Unable to reach host "host1". Start it.'],
    };
    await expect(made.create(hidden)).rejects.toMatchObject(saved);
    await expect(made.update("nic", hidden, hidden)).rejects.toMatchObject(saved);
  });

  test("of a problem the process prints words only; the stack of a bug stays", async () => {
    const made = configured({
      delete: () => Promise.reject(new ProblemError(problem)),
      diff: () => Promise.reject(new TypeError("x is not a function")),
    });
    // As @pulumi/pulumi/cmd/dynamic-provider prints it.
    const printed = (operation: Promise<unknown>) =>
      operation.then(
        () => "",
        (error: unknown) => `${String(error)}: ${(error as Error).stack ?? ""}`,
      );
    expect(await printed(made.delete("nic", hidden))).toBe('VmInterface nic: Unable to reach host "host1". Start it.');
    expect(await printed(made.diff("nic", hidden, hidden))).toMatch(/\n\s+at /);
  });
});

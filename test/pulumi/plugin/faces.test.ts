/** The dynamic provider and the plugin side by side: one story with either, on hosts of its own, and what came of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ConfigKey } from "../../../provider/config/index.js";
import { handlers } from "../../../provider/handlers/registry.js";
import type { Kind } from "../../../provider/model/kind.js";
import { ofProperty } from "../../../provider/model/mistake.js";
import { dynamicProvider, type Wire } from "../../../provider/pulumi/dynamic/provider.js";
import type { StackConfig } from "../../../provider/handlers/handler.js";
import { twoHosts, vm, type LabLike } from "../../hosts/two-hosts.js";
import { refusals } from "../../hosts/refusals.js";
import { clusterState } from "../../hosts/cluster-state.js";
import { PluginClient, savedHalfWay, unknownValue, urnOf, type Values } from "./plugin-client.js";

/** What a face answers, without what is its own: hidden properties here, detailed diffs and named properties there. */
interface Face {
  check(
    kind: Kind,
    name: string,
    news: Values,
    olds?: Values,
  ): Promise<{ inputs: Values; failures: readonly string[] }>;
  diff(kind: Kind, id: string, state: Values, news: Values, oldInputs: Values): Promise<unknown>;
  create(kind: Kind, name: string, inputs: Values): Promise<{ id: string; state: Values }>;
  read(kind: Kind, id: string, state: Values, inputs: Values): Promise<unknown>;
  update(kind: Kind, id: string, state: Values, news: Values): Promise<{ state: Values }>;
  delete(kind: Kind, id: string, state: Values): Promise<void>;
  /** What would be saved of a failure, and its words. */
  failureOf(error: unknown): { readonly words: string; readonly saved?: Values | undefined };
}

async function pluginFace(config: StackConfig): Promise<Face & { close(): Promise<void> }> {
  const client = await PluginClient.configured(config);
  return {
    async check(kind, name, news, olds) {
      const { inputs, failures } = await client.check(urnOf(kind, name), news, olds);
      const words = failures.map(({ property, reason }) => ofProperty(property, reason));
      return { inputs, failures: words };
    },
    async diff(kind, id, state, news, oldInputs) {
      const { lines: _, ...diff } = await client.diff(urnOf(kind, "it"), id, { oldInputs, state, news });
      return diff;
    },
    async create(kind, name, inputs) {
      const { id, state } = await client.create(urnOf(kind, name), inputs);
      return { id, state: asDynamic(state) };
    },
    read: async (kind, id, state, inputs) => {
      const found = await client.read(urnOf(kind, "it"), id, state, inputs);
      return found.id === "" ? undefined : { ...found, state: asDynamic(found.state) };
    },
    update: async (kind, id, state, news) => ({
      state: asDynamic((await client.update(urnOf(kind, "it"), id, state, news)).state),
    }),
    delete: (kind, id, state) => client.delete(urnOf(kind, "it"), id, state),
    failureOf(error) {
      const failed = error as Parameters<typeof savedHalfWay>[0];
      const partialFailureStatus = failed.metadata.get("grpc-status-details-bin").length > 0;
      return {
        words: failed.details,
        saved: partialFailureStatus ? asDynamic(savedHalfWay(failed).properties) : undefined,
      };
    },
    close: () => client.close(),
  };
}

/** What the state of a dynamic resource leaves withoutDefaults: its class says it to the program (test/parity/outputs.test.ts). */
function asDynamic({ plugged, linked, ...state }: Values): Values {
  return { ...state, ...(plugged === false && { plugged }), ...(linked === false && { linked }) };
}

function dynamicFace(config: StackConfig): Face {
  const command = {};
  const configured = (kind: Kind) => {
    const provider = dynamicProvider<object, object>(handlers[kind], kind, command);
    const get = (key: string) => config[key.replace("vnic-failover:", "") as ConfigKey];
    void provider.configure({ config: { get, require: (key) => get(key) ?? "" } });
    return provider;
  };
  const faces = {
    VnicProfile: configured("VnicProfile"),
    VmInterface: configured("VmInterface"),
    VmPlacement: configured("VmPlacement"),
  };
  const hidden = (kind: Kind, name: string) => ({ __provider: "the shell", __urn: urnOf(kind, name) });
  const shown = ({ __provider, __urn, ...rest }: Wire): Values => rest;
  const wire = (kind: Kind, values: Values, name = "it"): Wire => ({ ...values, ...hidden(kind, name) });
  return {
    async check(kind, name, news, olds) {
      const { inputs = {}, failures = [] } = await faces[kind].check(
        olds === undefined ? {} : wire(kind, olds, name),
        wire(kind, news, name),
      );
      return { inputs: shown(inputs), failures: failures.map(({ reason }) => reason) };
    },
    async diff(kind, id, state, news) {
      const { changes = true, ...diff } = await faces[kind].diff(id, wire(kind, state), wire(kind, news));
      return { changes, ...diff };
    },
    async create(kind, name, inputs) {
      const { id, outs = {} } = await faces[kind].create(wire(kind, inputs, name));
      return { id, state: shown(outs) };
    },
    async read(kind, id, state) {
      const { id: found, props = {}, inputs = {} } = await faces[kind].read(id, wire(kind, state));
      return found === undefined ? undefined : { id: found, state: shown(props), inputs: shown(inputs) };
    },
    async update(kind, id, state, news) {
      const { outs = {} } = await faces[kind].update(id, wire(kind, state), wire(kind, news));
      return { state: shown(outs) };
    },
    delete: (kind, id, state) => faces[kind].delete(id, wire(kind, state)),
    failureOf(error) {
      const { message, properties } = error as Error & { properties?: Wire };
      return { words: message, saved: properties && shown(properties) };
    },
  };
}

let reports: string;
beforeEach(async () => {
  reports = await mkdtemp(join(tmpdir(), "reports-"));
  vi.stubEnv("VNIC_FAILOVER_REPORTS", reports);
});
afterEach(async () => {
  await rm(reports, { recursive: true });
  vi.unstubAllEnvs();
});

it("tell the same story", async () => {
  expect(await told(pluginFace)).toEqual(await told((config) => Promise.resolve(dynamicFace(config))));
});

async function told(faceOf: (config: StackConfig) => Promise<Face & { close?(): Promise<void> }>): Promise<unknown> {
  const lab = await twoHosts();
  // `destroy` is a process of its own, in which nothing is declared.
  const [face, destroying] = [await faceOf(lab.stackConfig), await faceOf(lab.stackConfig)];
  try {
    return withoutChance(await story(face, destroying, lab));
  } finally {
    await face.close?.();
    await destroying.close?.();
    await lab.close();
  }
}

/** Everything that was answered. Each operation once at least, on each kind, with its refusals and failures. */
async function story(face: Face, destroying: Face, lab: LabLike): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  const note = async <T>(answer: Promise<T>): Promise<T> => {
    answers.push(await answer);
    return answer;
  };
  const noteFailure = async (answer: Promise<unknown>): Promise<void> => {
    const failure: unknown = await answer.then(
      () => expect.fail("it did not fail"),
      (error: unknown) => error,
    );
    answers.push(face.failureOf(failure));
  };

  // Before anything exists.
  const standby = { name: "data", network: "data" };
  const fast = { name: "fast", network: "data-vf", passThrough: "enabled", migratable: true };
  await note(face.check("VnicProfile", "data", standby));
  await note(face.check("VnicProfile", "fast", { ...fast, failover: unknownValue }));
  await note(face.check("VmInterface", "nic", { vm: "web", profile: unknownValue }));
  await note(face.check("VmPlacement", "web", { vm: "web", host: "host1" }));
  await note(
    face.check("VnicProfile", "wrong", {
      ...fast,
      name: "wrong",
      migratable: false,
      failover: "absent",
      colour: "red",
    }),
  );
  await note(face.check("VnicProfile", "wrong", { ...fast, name: "wrong", migratable: false, failover: "absent" }));
  await note(face.check("VmInterface", "wrong", { vm: "absent", profile: "absent", mac: "52:54:00" }));
  await note(face.check("VmPlacement", "wrong", { vm: "web", host: "host3", migration: { announce: "loud" } }));

  // Made.
  const { inputs: standbyInputs } = await face.check("VnicProfile", "data", standby);
  const { id: failover, state: standbyState } = await note(face.create("VnicProfile", "data", standbyInputs));
  const { inputs: fastInputs } = await note(face.check("VnicProfile", "fast", { ...fast, failover }));
  const { id: profile, state: fastState } = await note(face.create("VnicProfile", "fast", fastInputs));
  await noteFailure(face.create("VnicProfile", "another", fastInputs));
  const { inputs: nicInputs } = await note(face.check("VmInterface", "nic", { vm: "web", profile, mac: vm.mac }));
  const { id: nic, state: nicState } = await note(face.create("VmInterface", "nic", nicInputs));
  await note(face.check("VmInterface", "again", { vm: "web", profile, mac: vm.mac }));
  const { inputs: here } = await note(face.check("VmPlacement", "web", { vm: "web", host: "host1" }));
  const { id: placement, state: placed } = await note(face.create("VmPlacement", "web", here));

  // Changed.
  const there = { ...here, host: "host2" };
  await note(face.check("VmPlacement", "web", there, here));
  await note(face.diff("VmPlacement", placement, placed, there, here));
  await note(face.diff("VmPlacement", placement, placed, { ...here, vm: "db" }, here));
  await note(face.diff("VmPlacement", placement, { ...placed, missing: ["VF"] }, here, here));
  lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
  await noteFailure(face.update("VmPlacement", placement, placed, there));
  const { state: moved } = await note(face.update("VmPlacement", placement, placed, there));
  answers.push(clusterState(lab));
  lab.host1.freeMemoryKiB = 1;
  await note(face.check("VmPlacement", "web", here, there));
  await noteFailure(face.update("VmPlacement", placement, moved, here));
  await note(face.check("VnicProfile", "data", { ...standbyInputs, description: "new" }, standbyInputs));
  await noteFailure(face.update("VnicProfile", failover, standbyState, { ...standbyInputs, description: "new" }));
  await note(face.diff("VnicProfile", profile, fastState, { ...fastInputs, network: "data" }, fastInputs));
  await note(face.diff("VmInterface", nic, nicState, { ...nicInputs, mac: unknownValue }, nicInputs));
  await note(face.diff("VmInterface", nic, nicState, { ...nicInputs, mac: undefined }, nicInputs));

  // Seen.
  await note(face.read("VnicProfile", profile, fastState, fastInputs));
  const seen = await note(face.read("VmInterface", nic, nicState, nicInputs));
  expect(seen).toMatchObject({ state: { host: "host2" } });
  await note(face.read("VmPlacement", placement, moved, there));
  await note(face.diff("VmInterface", nic, nicState, nicInputs, nicInputs));

  // Removed.
  await noteFailure(face.delete("VnicProfile", failover, standbyState));
  const unplugged = { ...nicInputs, plugged: false };
  const { state: without } = await note(face.update("VmInterface", nic, nicState, unplugged));
  await destroying.delete("VmPlacement", placement, moved);
  await destroying.delete("VmInterface", nic, without);
  await destroying.delete("VnicProfile", profile, fastState);
  await destroying.delete("VnicProfile", failover, standbyState);
  await note(face.read("VmInterface", nic, without, unplugged));
  await note(face.read("VnicProfile", profile, fastState, fastInputs));
  answers.push(clusterState(lab));
  return answers;
}

/** The same ids and times for every telling: those that were drawn, by the order in which they are met. */
function withoutChance(answers: readonly unknown[]): unknown {
  const ids = new Map<string, string>();
  const exact = JSON.stringify(answers, (key, value: unknown) =>
    ["started", "ended", "start", "end", "at", "secondsWithoutVf", "samples", "job", "moments"].includes(key)
      ? typeof value
      : value,
  );
  const timeless = exact.replaceAll(/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z/g, "then");
  const text = timeless.replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, (id) => {
    const known = ids.get(id) ?? `id ${ids.size + 1}`;
    ids.set(id, known);
    return known;
  });
  return JSON.parse(text) as unknown;
}

import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import { unknownKeysAmong } from "../../config/index.js";
import { printable, printableError } from "../../model/foreign-text.js";
import { ProblemError } from "../../model/problem.js";
import { ofProperty } from "../../model/mistake.js";
import type { Kind } from "../../model/kind.js";
import { engineProgress, logDelivered } from "./engine-log.js";
import {
  CONFIG_KEYS,
  CONFIG_NAMESPACE,
  PartialFailure,
  type CheckFailure,
  type Handler,
  type HandlerContext,
  type StackConfig,
} from "../../handlers/handler.js";
import { withNulls, withoutNulls } from "../../handlers/outputs.js";
import { exitOnInterrupt } from "../../handlers/shutdown.js";
import { UNKNOWN } from "../../model/unknown.js";
import { wholeUrn } from "../../model/urn.js";

/** Properties as the engine sends and keeps them. The hidden ones are the shell's, and no handler sees them. */
export interface Wire {
  readonly [property: string]: unknown;
  /** The text of the shell: what the engine needs to find this provider again. */
  readonly __provider?: string;
  /** The resource's URN, perhaps in short (urn.ts). Keys with `__` are left out of shown diffs. */
  readonly __urn?: string;
  /** URNs of the resources that inputs refer to, by input: in a preview that is all that is known of a new one. Only for `check`. */
  readonly __references?: Readonly<Record<string, string>>;
}

type Properties = Readonly<Record<string, unknown>>;

export type DynamicProvider = Required<pulumi.dynamic.ResourceProvider<Wire, Wire>>;

/** The engine starts a process for each of its commands. */
const commandOfProcess = {};

/**
 * A handler as `@pulumi/pulumi/cmd/dynamic-provider` calls it. Everything peculiar to that process is met here:
 * its configuration, its wire, its errors, its end.
 * @param command one object for each `pulumi` command. Default: the process's.
 * @internal
 */
export function dynamicProvider<Inputs extends object, State extends object>(
  handler: Handler<Inputs, State>,
  kind: Kind,
  command: object = commandOfProcess,
): DynamicProvider {
  // The process calls other methods while `configure` is still under way (it caches the provider first): they wait here.
  let setConfig: (config: StackConfig) => void;
  const config = new Promise<StackConfig>((resolve) => (setConfig = resolve));

  const inputsOf = (wire: Wire) => fromWire(wire) as Inputs;
  const stateOf = (wire: Wire) => withoutNulls(kind, fromWire(wire)) as State;
  const outputsOf = (state: State, wire: Wire) => toWire(withNulls(kind, state), wire);

  async function run<T>(wire: Wire, operation: (ctx: HandlerContext) => Promise<T>): Promise<T> {
    const { __urn, __references: references } = wire;
    const urn = __urn === undefined ? undefined : wholeUrn(kind, __urn);
    const progress = engineProgress(urn);
    try {
      return await operation({
        config: await config,
        progress,
        command,
        ...(urn !== undefined && { urn }),
        ...(references !== undefined && { references }),
      });
    } catch (error) {
      // The SDK prints what it does not know, with its stack.
      throw error instanceof ProblemError ? error : printableError(error);
    } finally {
      progress.done();
      await logDelivered();
    }
  }

  return {
    configure({ config }) {
      exitOnInterrupt();
      setConfig(stackConfig(config));
      return Promise.resolve();
    },

    async check(olds, news) {
      try {
        const { inputs, failures } = await run(news, (ctx) =>
          handler.check(ctx, fromWire(news), Object.keys(olds).length > 0 ? inputsOf(olds) : undefined),
        );
        return { inputs: toWire(inputs, news), failures: failures.map(onWholeResource) };
      } catch (error) {
        // A failure of the check is one clean line, where an error would bring the SDK's stack trace along.
        if (!(error instanceof ProblemError)) throw error;
        return { inputs: news, failures: [{ property: "", reason: error.message }] };
      }
    },

    async diff(id, olds, news) {
      const diff = await withCleanError(kind, id, () =>
        run(news, (ctx) => handler.diff(ctx, id, stateOf(olds), inputsOf(news))),
      );
      return {
        ...(diff.changes !== undefined && { changes: diff.changes }),
        replaces: [...diff.replaces],
        deleteBeforeReplace: diff.deleteBeforeReplace,
      };
    },

    async create(inputs) {
      const { id, state } = await withPartialState(kind, inputs, () =>
        run(inputs, (ctx) => handler.create(ctx, inputsOf(inputs))),
      );
      return { id, outs: outputsOf(state, inputs) };
    },

    async read(id, props = {}) {
      const found = await withCleanError(kind, id, () => run(props, (ctx) => handler.read(ctx, id, stateOf(props))));
      // No id says that the resource is gone.
      if (found === undefined) return {};
      // Without `inputs` the next preview would announce an update without saying of what.
      return { id: found.id, props: outputsOf(found.state, props), inputs: toWire(found.inputs, props) };
    },

    async update(id, olds, news) {
      const { state } = await withPartialState(kind, news, () =>
        run(news, (ctx) => handler.update(ctx, id, stateOf(olds), inputsOf(news))),
      );
      return { outs: outputsOf(state, news) };
    },

    async delete(id, props) {
      await withCleanError(kind, id, () => run(props, (ctx) => handler.delete(ctx, id, stateOf(props))));
    },
  };
}

function stackConfig(config: pulumi.dynamic.Config): StackConfig {
  const values = CONFIG_KEYS.map((key) => [key, config.get(`${CONFIG_NAMESPACE}:${key}`)] as const);
  const unknownKeys = unknownKeysAmong(keysOfNamespace(config));
  return {
    ...Object.fromEntries(values.filter(([, value]) => value !== undefined)),
    ...(unknownKeys.length > 0 && { unknownKeys }),
  };
}

/**
 * The SDK's class has no list of its keys, but keeps them in a field, from 3.105 to 3.276 at least. Where that is no more,
 * an unknown key is not told; nothing else depends on it.
 */
const keptConfig = z.looseObject({ rawConfig: z.record(z.string(), z.unknown()), projectName: z.string().optional() });

function keysOfNamespace(config: pulumi.dynamic.Config): readonly string[] {
  const { data } = keptConfig.safeParse(config);
  // A project of the package's name keeps keys of its own in the same namespace.
  if (data === undefined || data.projectName === CONFIG_NAMESPACE) return [];
  const prefix = `${CONFIG_NAMESPACE}:`;
  return Object.keys(data.rawConfig)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
}

/**
 * The engine prints the value of a property that fails its check, in clear even if it is a secret: so the failure is
 * the whole resource's for the engine, and the property stands in the text.
 */
function onWholeResource({ property, reason }: CheckFailure): pulumi.dynamic.CheckFailure {
  return { property: "", reason: printable(ofProperty(property, reason)) };
}

/** Handlers' values: UNKNOWN for what a preview does not know, without the hidden properties. */
function fromWire({ __provider, __urn, __references, ...properties }: Wire): Properties {
  return mapLeaves(properties, (value) => (value === pulumi.runtime.unknownValue ? UNKNOWN : value)) as Properties;
}

/**
 * The wire's values, with the hidden properties of `from` that a state needs: the check of a resource is told its
 * references again. The wire has no `undefined` (pulumi/pulumi#2721).
 */
function toWire(value: object, { __provider, __urn }: Wire): Wire {
  const hidden = { __provider, __urn };
  return mapLeaves({ ...value, ...hidden }, (leaf) => (leaf === UNKNOWN ? pulumi.runtime.unknownValue : leaf)) as Wire;
}

/**
 * Every leaf of a JSON-like value mapped; keys without a value are left out. Where that changes nothing it is the same object,
 * not a copy: a thousand resources are mapped in each command, and hardly ever is there anything to change.
 */
function mapLeaves(value: unknown, map: (leaf: unknown) => unknown): unknown {
  if (typeof value !== "object" || value === null) return map(value);
  if (Array.isArray(value)) {
    const items = value.map((item) => mapLeaves(item ?? null, map));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const entries = Object.entries(value);
  const mapped = entries.map(([, inner]) => (inner === undefined ? undefined : mapLeaves(inner, map)));
  if (entries.every(([, inner], index) => inner !== undefined && inner === mapped[index])) return value;
  return Object.fromEntries(
    entries.map(([key], index) => [key, mapped[index]] as const).filter(([, inner]) => inner !== undefined),
  );
}

/** Turns a PartialFailure into what the SDK saves as the resource's state. It only adds `__provider` on success. */
async function withPartialState<T>(kind: Kind, wire: Wire, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw error;
    const { id, state, message } = error;
    throw Object.assign(new Error(message, { cause: error }), {
      id,
      properties: toWire(withNulls(kind, state), wire),
      reasons: [message],
    });
  }
}

/**
 * The SDK prints `${error}: ${error.stack}` beside an error of check, diff, read and delete. Of a problem the user gets
 * the words; the stack stays on unexpected errors.
 */
async function withCleanError<T>(kind: Kind, id: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    throw Object.assign(new Error(error.message, { cause: error }), {
      toString: () => `${kind} ${id}`,
      stack: error.message,
    });
  }
}

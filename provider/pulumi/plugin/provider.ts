/**
 * The calls of the engine, answered by the handlers (pulumi/pulumi: proto/pulumi/provider.proto). The dynamic provider is
 * the other face of the same handlers; this one knows URNs, previews, imports, time limits and cancellation.
 */
import type { PluginAttach } from "@pulumi/pulumi/proto/plugin_pb.js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import * as proto from "@pulumi/pulumi/proto/provider_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { handlers } from "../../handlers/registry.js";
import type { Kind } from "../../model/kind.js";
import { ask, functions, type ClusterFunction } from "../../handlers/functions/index.js";
import {
  isSameValue,
  PartialFailure,
  type CheckFailure,
  type Found,
  type Handler,
  type HandlerContext,
  type StackConfig,
} from "../../handlers/handler.js";
import { withoutNulls } from "../../handlers/outputs.js";
import { printable } from "../../model/foreign-text.js";
import { ofProperty } from "../../model/mistake.js";
import { ProblemError } from "../../model/problem.js";
import { configurationFailures, stackConfigOf } from "./configuration.js";
import { detailedDiff, type PropertyChange } from "./detailed-diff.js";
import type { EngineLog } from "./engine-log.js";
import { previewState, kindOf, nameIn, resourceFacts, told } from "./resources.js";
import { packageSchema, token } from "./schema/index.js";
import { Secrets } from "./secrets.js";
import { receive, send } from "./wire.js";

type Values = Readonly<Record<string, unknown>>;
type AnyHandler = Handler<Values, Values>;

const functionsByToken = new Map(
  Object.entries(functions).map(([name, each]) => [token(name), each as unknown as ClusterFunction<object, object>]),
);

/** What a request holds secret, for the state that is saved where it fails half-way. */
export interface Call {
  secrets: Secrets;
}

export class PluginProvider {
  readonly #version: string;
  readonly #log: EngineLog;
  readonly #cancelled = new AbortController();
  /** The engine starts a process for each of its commands. */
  readonly #command = {};
  #engine: string | undefined;
  #configured: StackConfig | undefined;
  readonly #configure: (config: StackConfig) => void;
  readonly #config: Promise<StackConfig>;

  constructor(version: string, log: EngineLog) {
    this.#version = version;
    this.#log = log;
    let configure: (config: StackConfig) => void = () => undefined;
    this.#config = new Promise((resolve) => (configure = resolve));
    this.#configure = configure;
  }

  // --- the plugin

  handshake(request: proto.ProviderHandshakeRequest): proto.ProviderHandshakeResponse {
    this.#connect(request.getEngineAddress());
    return new proto.ProviderHandshakeResponse().setAcceptSecrets(true);
  }

  attach(request: PluginAttach): Empty {
    this.#connect(request.getAddress());
    return new Empty();
  }

  /** The engine that has begun stays the one that hears what is logged. */
  #connect(address: string): void {
    if (this.#engine !== undefined && this.#engine !== address) {
      throw new ProblemError({
        code: "plugin-attached",
        what: `Unable to attach the plugin to ${address}: another engine uses it`,
        remedy: "Start a separate plugin process.",
      });
    }
    this.#engine = address;
    this.#log.connect(address);
  }

  getPluginInfo(): PluginInfo {
    return new PluginInfo().setVersion(this.#version);
  }

  getSchema(request: proto.GetSchemaRequest): proto.GetSchemaResponse {
    if (request.getVersion() !== 0) throw unsupported(`Schema version ${request.getVersion()}`);
    return new proto.GetSchemaResponse().setSchema(JSON.stringify(packageSchema(this.#version)));
  }

  /** Aborts what is under way. A move takes itself back, as far as it has not passed its switch-over. */
  cancel(): Empty {
    this.#cancelled.abort(
      new ProblemError({ code: "cancelled", what: "The operation was cancelled", remedy: "Run it again to continue." }),
    );
    return new Empty();
  }

  // --- configuration

  checkConfig(request: proto.CheckRequest, call: Call): proto.CheckResponse {
    const { values, secrets } = receivedIn(call, request.getNews());
    return new proto.CheckResponse()
      .setInputs(send(values, secrets))
      .setFailuresList(configurationFailures(values).map(failureOf));
  }

  /** Another configuration is the same cluster, better reached: it replaces no resource. */
  diffConfig(request: proto.DiffRequest, call: Call): proto.DiffResponse {
    const olds = receivedIn(call, request.getOldInputs() ?? request.getOlds()).values;
    const news = receivedIn(call, request.getNews()).values;
    return new proto.DiffResponse().setChanges(isSameValue(olds, news) ? NONE : SOME);
  }

  configure(request: proto.ConfigureRequest, call: Call): proto.ConfigureResponse {
    const config = stackConfigOf(receivedIn(call, request.getArgs()).values);
    if (this.#configured !== undefined && !isSameValue({ ...this.#configured }, { ...config })) {
      throw new ProblemError({
        code: "plugin-configured",
        what: "Unable to configure the plugin: it already has another configuration",
        remedy: "Start a separate plugin process: the Pulumi engine starts one for each provider.",
      });
    }
    this.#configured = config;
    this.#configure(config);
    return new proto.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
  }

  // --- resources

  async check(request: proto.CheckRequest, call: Call): Promise<proto.CheckResponse> {
    const urn = request.getUrn();
    const kind = kindOf(urn);
    const { namedBy } = resourceFacts[kind];
    const { values, secrets } = receivedIn(call, request.getNews());
    const olds = receive(request.getOlds()).values;
    const news = namedBy === undefined ? values : { [namedBy]: nameIn(urn), ...values };
    const answer = new proto.CheckResponse();
    try {
      const { inputs, failures } = await this.#run(request, (ctx) =>
        handlerOf(kind).check(ctx, news, Object.keys(olds).length > 0 ? olds : undefined),
      );
      return answer
        .setInputs(send(inputs, secrets))
        .setFailuresList(failures.map((failure) => failureOf(withoutSecret(failure, news, secrets))));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return answer
        .setInputs(send(news, secrets))
        .setFailuresList([failureOf({ property: "", reason: error.message })]);
    }
  }

  async diff(request: proto.DiffRequest, call: Call): Promise<proto.DiffResponse> {
    const kind = kindOf(request.getUrn());
    const state = withoutNulls(kind, receivedIn(call, request.getOlds()).values);
    const news = receivedIn(call, request.getNews()).values;
    const oldInputs = receivedIn(call, request.getOldInputs()).values;
    const diff = await this.#run(request, (ctx) => handlerOf(kind).diff(ctx, request.getId(), state, news, oldInputs));
    const lines = detailedDiff(diff, { oldInputs, state, news }, resourceFacts[kind].drift);
    const answer = new proto.DiffResponse()
      .setChanges(diff.changes === false ? NONE : SOME)
      .setReplacesList([...diff.replaces])
      .setDeletebeforereplace(diff.deleteBeforeReplace)
      .setDiffsList([...lines.keys()])
      .setHasdetaileddiff(lines.size > 0);
    for (const [name, change] of lines) answer.getDetaileddiffMap().set(name, propertyDiffOf(change));
    return answer;
  }

  async create(request: proto.CreateRequest, call: Call): Promise<proto.CreateResponse> {
    const kind = kindOf(request.getUrn());
    const { values, secrets } = receivedIn(call, request.getProperties());
    if (request.getPreview())
      return new proto.CreateResponse().setProperties(send(previewState(kind, values), secrets));
    const { id, state } = await tellingHalfWay(
      kind,
      this.#run(request, (ctx) => handlerOf(kind).create(ctx, values)),
    );
    return new proto.CreateResponse().setId(id).setProperties(send(told(kind, state), secrets));
  }

  /** Without a state it is an import: the id is what a person has typed. */
  async read(request: proto.ReadRequest, call: Call): Promise<proto.ReadResponse> {
    const kind = kindOf(request.getUrn());
    const handler = handlerOf(kind);
    const state = withoutNulls(kind, receivedIn(call, request.getProperties()).values);
    receivedIn(call, request.getInputs());
    const imported = Object.keys(state).length === 0;
    const found = await this.#run(request, (ctx): Promise<Found<Values, Values> | undefined> => {
      if (!imported) return handler.read(ctx, request.getId(), state);
      if (handler.import === undefined) throw unsupported(`Import of ${kind}`);
      return handler.import(ctx, request.getId());
    });
    // No id says that the resource is gone.
    if (found === undefined) return new proto.ReadResponse();
    return new proto.ReadResponse()
      .setId(found.id)
      .setProperties(send(told(kind, found.state), call.secrets))
      .setInputs(send(found.inputs, call.secrets));
  }

  async update(request: proto.UpdateRequest, call: Call): Promise<proto.UpdateResponse> {
    const kind = kindOf(request.getUrn());
    const state = withoutNulls(kind, receive(request.getOlds()).values);
    const { values, secrets } = receivedIn(call, request.getNews());
    if (request.getPreview())
      return new proto.UpdateResponse().setProperties(send(previewState(kind, values, state), secrets));
    const updated = await tellingHalfWay(
      kind,
      this.#run(request, (ctx) => handlerOf(kind).update(ctx, request.getId(), state, values)),
    );
    return new proto.UpdateResponse().setProperties(send(told(kind, updated.state), secrets));
  }

  async delete(request: proto.DeleteRequest, call: Call): Promise<Empty> {
    const kind = kindOf(request.getUrn());
    const { values } = receivedIn(call, request.getProperties());
    await this.#run(request, (ctx) => handlerOf(kind).delete(ctx, request.getId(), withoutNulls(kind, values)));
    return new Empty();
  }

  // --- functions

  async invoke(request: proto.InvokeRequest, call: Call): Promise<proto.InvokeResponse> {
    const asked = functionsByToken.get(request.getTok());
    if (asked === undefined) throw unsupported(`Function "${request.getTok()}"`);
    const { values, secrets } = receivedIn(call, request.getArgs());
    const answer = await this.#run({}, (ctx) => ask(asked, ctx, values));
    return new proto.InvokeResponse().setReturn(send(answer, secrets));
  }

  /** In the context of the request: its configuration, its row in the engine's log, and when it is to be aborted. */
  async #run<T>(
    request: { getUrn?(): string; getTimeout?(): number },
    operation: (ctx: HandlerContext) => Promise<T>,
  ): Promise<T> {
    const urn = request.getUrn?.();
    const seconds = request.getTimeout?.() ?? 0;
    const progress = this.#log.progressOf(urn);
    const signal = AbortSignal.any([
      this.#cancelled.signal,
      ...(seconds > 0 ? [AbortSignal.timeout(seconds * 1000)] : []),
    ]);
    const tell = () => progress.warn(signal.reason instanceof Error ? signal.reason.message : String(signal.reason));
    signal.addEventListener("abort", tell);
    try {
      return await operation({
        config: await this.#config,
        command: this.#command,
        progress,
        signal,
        ...(urn !== undefined && { urn }),
      });
    } finally {
      signal.removeEventListener("abort", tell);
      progress.done();
      await this.#log.flush();
    }
  }
}

const { DIFF_NONE: NONE, DIFF_SOME: SOME } = proto.DiffResponse.DiffChanges;

/** What exists after an operation that ended half-way is told as after any other. */
async function tellingHalfWay<T>(kind: Kind, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw error;
    throw new PartialFailure(error.problem, error.id, told(kind, error.state), error.options);
  }
}

/** A handler is given the states and inputs of its own kind only. */
function handlerOf(kind: Kind): AnyHandler {
  return handlers[kind] as unknown as AnyHandler;
}

/** What was received, its secrets noted in the call. */
function receivedIn(call: Call, struct: Struct | undefined): { values: Values; secrets: Secrets } {
  const received = receive(struct);
  call.secrets = Secrets.of(call.secrets, received.secrets);
  return received;
}

/** As the engine wants it, which shows it as it is. */
export function failureOf({ property, reason }: CheckFailure): proto.CheckFailure {
  return new proto.CheckFailure().setProperty(property).setReason(printable(reason));
}

/** The engine prints the value of a property that fails its check, in clear even if it is a secret. */
function withoutSecret({ property, reason }: CheckFailure, news: Values, secrets: Secrets): CheckFailure {
  const name = property.split(".")[0] ?? "";
  if (name === "" || !secrets.has(name, news[name])) return { property, reason };
  return { property: "", reason: ofProperty(property, reason) };
}

function propertyDiffOf({ kind, replaces, ofInputs }: PropertyChange): proto.PropertyDiff {
  const { ADD, ADD_REPLACE, UPDATE, UPDATE_REPLACE, DELETE, DELETE_REPLACE } = proto.PropertyDiff.Kind;
  const kinds = {
    add: replaces ? ADD_REPLACE : ADD,
    update: replaces ? UPDATE_REPLACE : UPDATE,
    delete: replaces ? DELETE_REPLACE : DELETE,
  };
  return new proto.PropertyDiff().setKind(kinds[kind]).setInputdiff(ofInputs);
}

function unsupported(what: string): ProblemError {
  return new ProblemError({
    code: "not-supported",
    what: `${what} is not supported by this version of the plugin`,
    remedy: "Use the version of the package that the program was written for.",
  });
}

/** The plugin's server in this process, and a client that speaks to it as the engine does. */
import * as grpc from "@grpc/grpc-js";
import { PluginAttach, type PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as proto from "@pulumi/pulumi/proto/provider_pb.js";
import { Status } from "@pulumi/pulumi/proto/status_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import type { StackConfig } from "../../../provider/handlers/handler.js";
import { EngineLog } from "../../../provider/pulumi/plugin/engine-log.js";
import { startServer } from "../../../provider/pulumi/plugin/server.js";

export type Values = Record<string, unknown>;

export interface SavedHalfWay {
  readonly id: string;
  readonly properties: Values;
  readonly reasons: readonly string[];
}

const { unknownValue, specialSigKey, specialSecretSig } = await import("@pulumi/pulumi/runtime/rpc.js");
export { unknownValue };

export function secret(value: unknown): Values {
  return { [specialSigKey]: specialSecretSig, value };
}

export function urnOf(kind: string, name: string): string {
  return `urn:pulumi:dev::test::vnic-failover:index:${kind}::${name}`;
}

export class PluginClient {
  private constructor(
    readonly raw: ResourceProviderClient,
    private readonly stop: () => Promise<void>,
  ) {}

  static async start(): Promise<PluginClient> {
    const { port, stop } = await startServer("1.2.3", new EngineLog());
    const raw = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    return new PluginClient(raw, stop);
  }

  /** With the stack's configuration, as the engine hands it over. */
  static async configured(config: StackConfig): Promise<PluginClient> {
    const client = await PluginClient.start();
    await client.configure({ ...config });
    return client;
  }

  async close(): Promise<void> {
    this.raw.close();
    await this.stop();
  }

  handshake(engine: string): Promise<proto.ProviderHandshakeResponse> {
    const request = new proto.ProviderHandshakeRequest();
    request.setEngineAddress(engine);
    return answer((done) => this.raw.handshake(request, done));
  }

  attach(address: string): Promise<Empty> {
    const request = new PluginAttach();
    request.setAddress(address);
    return answer((done) => this.raw.attach(request, done));
  }

  pluginInfo(): Promise<PluginInfo> {
    return answer((done) => this.raw.getPluginInfo(new Empty(), done));
  }

  cancel(): Promise<Empty> {
    return answer((done) => this.raw.cancel(new Empty(), done));
  }

  async schema(): Promise<unknown> {
    const response = await answer<proto.GetSchemaResponse>((done) =>
      this.raw.getSchema(new proto.GetSchemaRequest(), done),
    );
    return JSON.parse(response.getSchema());
  }

  configure(args: Values): Promise<proto.ConfigureResponse> {
    const request = new proto.ConfigureRequest();
    request.setArgs(struct(args));
    request.setAcceptsecrets(true);
    return answer((done) => this.raw.configure(request, done));
  }

  async checkConfig(news: Values): Promise<{ inputs: Values; failures: proto.CheckFailure.AsObject[] }> {
    const request = new proto.CheckRequest();
    request.setNews(struct(news));
    return checked(await answer((done) => this.raw.checkConfig(request, done)));
  }

  async diffConfig(oldInputs: Values, news: Values): Promise<proto.DiffResponse> {
    const request = new proto.DiffRequest();
    request.setOldInputs(struct(oldInputs));
    request.setNews(struct(news));
    return answer((done) => this.raw.diffConfig(request, done));
  }

  async check(
    urn: string,
    news: Values,
    olds?: Values,
  ): Promise<{ inputs: Values; failures: proto.CheckFailure.AsObject[] }> {
    const request = new proto.CheckRequest();
    request.setUrn(urn);
    request.setNews(struct(news));
    if (olds !== undefined) request.setOlds(struct(olds));
    return checked(await answer((done) => this.raw.check(request, done)));
  }

  async diff(urn: string, id: string, { oldInputs, state, news }: Record<"oldInputs" | "state" | "news", Values>) {
    const request = new proto.DiffRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setOlds(struct(state));
    request.setOldInputs(struct(oldInputs));
    request.setNews(struct(news));
    const response = await answer<proto.DiffResponse>((done) => this.raw.diff(request, done));
    return {
      changes: response.getChanges() === proto.DiffResponse.DiffChanges.DIFF_SOME,
      replaces: response.getReplacesList(),
      deleteBeforeReplace: response.getDeletebeforereplace(),
      lines: Object.fromEntries(
        [...response.getDetaileddiffMap().getEntryList()].map(([name]) => [name, lineOf(response, name)]),
      ),
    };
  }

  async create(urn: string, inputs: Values, { preview = false, timeout = 0 } = {}) {
    const request = new proto.CreateRequest();
    request.setUrn(urn);
    request.setProperties(struct(inputs));
    request.setPreview(preview);
    request.setTimeout(timeout);
    const response = await answer<proto.CreateResponse>((done) => this.raw.create(request, done));
    return { id: response.getId(), state: values(response.getProperties()) };
  }

  async read(urn: string, id: string, state: Values = {}, inputs: Values = {}) {
    const request = new proto.ReadRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setProperties(struct(state));
    request.setInputs(struct(inputs));
    const response = await answer<proto.ReadResponse>((done) => this.raw.read(request, done));
    return { id: response.getId(), state: values(response.getProperties()), inputs: values(response.getInputs()) };
  }

  async update(urn: string, id: string, state: Values, news: Values, { preview = false, timeout = 0 } = {}) {
    const request = new proto.UpdateRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setOlds(struct(state));
    request.setNews(struct(news));
    request.setPreview(preview);
    request.setTimeout(timeout);
    const response = await answer<proto.UpdateResponse>((done) => this.raw.update(request, done));
    return { state: values(response.getProperties()) };
  }

  async delete(urn: string, id: string, state: Values): Promise<void> {
    const request = new proto.DeleteRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setProperties(struct(state));
    await answer((done) => this.raw.delete(request, done));
  }

  async invoke(name: string, args: Values): Promise<Values> {
    const request = new proto.InvokeRequest();
    request.setTok(`vnic-failover:index:${name}`);
    request.setArgs(struct(args));
    const response = await answer<proto.InvokeResponse>((done) => this.raw.invoke(request, done));
    return values(response.getReturn());
  }
}

/** What the engine would save of an operation that failed half-way. */
export function savedHalfWay(error: grpc.ServiceError): SavedHalfWay {
  const [details] = error.metadata.get("grpc-status-details-bin");
  const [detail] = Status.deserializeBinary(details as Buffer).getDetailsList();
  const failed = detail?.unpack<proto.ErrorResourceInitFailed>(
    (bytes) => proto.ErrorResourceInitFailed.deserializeBinary(bytes),
    "pulumirpc.ErrorResourceInitFailed",
  );
  if (failed === undefined || failed === null) throw new Error("no detail of a failed initialization");
  return { id: failed.getId(), properties: values(failed.getProperties()), reasons: failed.getReasonsList() };
}

export async function errorOf(run: Promise<unknown>): Promise<grpc.ServiceError> {
  return run.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: unknown) => error as grpc.ServiceError,
  );
}

/** Such as `UPDATE_REPLACE`, and `of state` where it does not compare inputs. */
function lineOf(response: proto.DiffResponse, name: string): string {
  const line = response.getDetaileddiffMap().get(name);
  const [kind = ""] = Object.entries(proto.PropertyDiff.Kind).find(([, kind]) => kind === line?.getKind()) ?? [];
  return line?.getInputdiff() === true ? kind : `${kind} of state`;
}

function checked(response: proto.CheckResponse) {
  return {
    inputs: values(response.getInputs()),
    failures: response.getFailuresList().map((failure) => failure.toObject()),
  };
}

function answer<Response>(
  call: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

function struct(given: Values): Struct {
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(given)) as Parameters<typeof Struct.fromJavaScript>[0]);
}

function values(found: Struct | undefined): Values {
  return found?.toJavaScript() ?? {};
}

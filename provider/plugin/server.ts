/** The plugin's gRPC server: methods of the provider, by the stubs of Pulumi's SDK. */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService, type IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { EngineLog } from "./engine-log.js";
import { serviceError } from "./failure.js";
import { PluginProvider, type Call } from "./provider.js";
import { Secrets } from "./secrets.js";

/** As much as the engine itself takes: a large program's requests are longer than gRPC's 4 MiB (sdk/go/common/util/rpcutil). */
const LARGEST_MESSAGE = 400 * 1024 * 1024;

export interface PluginServer {
  readonly port: number;
  /** Aborts what is under way, and ends when the last answer is given. */
  readonly stop: () => Promise<void>;
}

/** The server on a free port of the loopback interface. */
export async function startServer(version: string, log: EngineLog): Promise<PluginServer> {
  const provider = new PluginProvider(version, log);
  const server = new grpc.Server({
    "grpc.max_receive_message_length": LARGEST_MESSAGE,
    "grpc.max_send_message_length": LARGEST_MESSAGE,
  });
  server.addService(ResourceProviderService, serviceOf(provider));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    stop: () => {
      provider.cancel();
      return new Promise((resolve) => {
        server.tryShutdown(() => {
          log.close();
          resolve();
        });
      });
    },
  };
}

/** The methods that there are; gRPC answers UNIMPLEMENTED for the rest. */
function serviceOf(provider: PluginProvider): Pick<IResourceProviderServer, keyof PluginProvider> {
  return {
    handshake: unary((request) => provider.handshake(request)),
    attach: unary((request) => provider.attach(request)),
    getPluginInfo: unary(() => provider.getPluginInfo()),
    getSchema: unary((request) => provider.getSchema(request)),
    cancel: unary(() => provider.cancel()),
    checkConfig: unary((request, call) => provider.checkConfig(request, call)),
    diffConfig: unary((request, call) => provider.diffConfig(request, call)),
    configure: unary((request, call) => provider.configure(request, call)),
    check: unary((request, call) => provider.check(request, call)),
    diff: unary((request, call) => provider.diff(request, call)),
    create: unary((request, call) => provider.create(request, call)),
    read: unary((request, call) => provider.read(request, call)),
    update: unary((request, call) => provider.update(request, call)),
    delete: unary((request, call) => provider.delete(request, call)),
    invoke: unary((request, call) => provider.invoke(request, call)),
  };
}

function unary<Request, Response>(
  method: (request: Request, call: Call) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return ({ request }, answer) => {
    const call: Call = { secrets: new Secrets() };
    Promise.resolve()
      .then(() => method(request, call))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(serviceError(error, call.secrets)),
      );
  };
}

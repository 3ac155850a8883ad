/** The plugin's gRPC server: methods of the provider, by the stubs of Pulumi's SDK. */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService, type IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { EngineLog } from "./engine-log.js";
import { ownUserOnly, type Admission } from "./caller.js";
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

/**
 * The server on a free port of the loopback interface, for this process's own user.
 * @param admission who may call, once the port is known. Default: {@link ownUserOnly}.
 */
export async function startServer(
  version: string,
  log: EngineLog,
  admission: (port: number) => Admission = ownUserOnly,
): Promise<PluginServer> {
  let admits: Admission = () => false;
  const provider = new PluginProvider(version, log);
  const server = new grpc.Server({
    "grpc.max_receive_message_length": LARGEST_MESSAGE,
    "grpc.max_send_message_length": LARGEST_MESSAGE,
  });
  server.addService(
    ResourceProviderService,
    serviceOf(provider, (peer) => admits(peer)),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  admits = admission(port);
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
function serviceOf(provider: PluginProvider, admitted: Admission): Pick<IResourceProviderServer, keyof PluginProvider> {
  const unary = <Request, Response>(method: Method<Request, Response>) => answering(method, admitted);
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

type Method<Request, Response> = (request: Request, call: Call) => Response | Promise<Response>;

function answering<Request, Response>(
  method: Method<Request, Response>,
  admitted: Admission,
): grpc.handleUnaryCall<Request, Response> {
  return (received, answer) => {
    const { request } = received;
    if (!admitted(received.getPeer())) {
      answer({
        code: grpc.status.PERMISSION_DENIED,
        details: "Permission denied: the plugin accepts connections only from the user who started it",
      });
      return;
    }
    const call: Call = { secrets: new Secrets() };
    Promise.resolve()
      .then(() => method(request, call))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(serviceError(error, call.secrets)),
      );
  };
}

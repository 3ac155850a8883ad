/** Errors as the engine reads them. */
import * as grpc from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb.js";
import { Status } from "@pulumi/pulumi/proto/status_pb.js";
import { Any } from "google-protobuf/google/protobuf/any_pb.js";
import { PartialFailure } from "../../handlers/handler.js";
import { printableError } from "../../model/foreign-text.js";
import { ProblemError } from "../../model/problem.js";
import type { Secrets } from "./secrets.js";
import { send } from "./wire.js";

/** How gRPC carries `google.rpc.Status` details, which Go's library does by itself (grpc: doc/PROTOCOL-HTTP2.md). */
const DETAILS = "grpc-status-details-bin";

/** The error for the engine: of a problem the words, of a bug the stack besides, on standard error. */
export function serviceError(error: unknown, secrets: Secrets): Partial<grpc.ServiceError> {
  if (error instanceof PartialFailure) return partialFailureStatus(error, secrets);
  if (error instanceof ProblemError) return { code: grpc.status.UNKNOWN, details: error.message };
  const { message, stack } = printableError(error);
  console.error(stack);
  return { code: grpc.status.INTERNAL, details: message };
}

/** The engine saves what the detail says, and the next `up` goes on from there (sdk/go/common/resource/plugin, parseError). */
function partialFailureStatus({ id, state, message }: PartialFailure, secrets: Secrets): Partial<grpc.ServiceError> {
  const failed = new ErrorResourceInitFailed();
  failed.setId(id);
  failed.setProperties(send(state, secrets));
  failed.setReasonsList([message]);
  const detail = new Any();
  detail.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(detail);
  const metadata = new grpc.Metadata();
  metadata.add(DETAILS, Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: message, metadata };
}

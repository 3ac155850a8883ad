/** What a plugin tells the engine besides its answers: lines on a resource's row, and warnings. */
import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb.js";
import { progressOn, type Progress } from "../../model/progress.js";

export class EngineLog {
  #engine: EngineClient | undefined;
  readonly #underWay = new Set<Promise<void>>();

  /** @param address the engine's `host:port`. Until there is one, nothing is logged. */
  connect(address: string): void {
    this.#engine?.close();
    this.#engine = new EngineClient(address, grpc.credentials.createInsecure());
  }

  /** On the row of that resource, or of the stack. */
  progressOf(urn: string | undefined): Progress {
    return progressOn({
      show: (message) => this.#log(LogSeverity.INFO, message, urn, true),
      info: (message) => this.#log(LogSeverity.INFO, message, urn, false),
      warn: (message) => this.#log(LogSeverity.WARNING, message, urn, false),
    });
  }

  /** Every line so far has arrived, or cannot. */
  async flush(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  close(): void {
    this.#engine?.close();
    this.#engine = undefined;
  }

  #log(severity: LogSeverity, message: string, urn = "", ephemeral = false): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    const request = new LogRequest();
    request.setSeverity(severity).setMessage(message).setUrn(urn).setEphemeral(ephemeral);
    // A line that is lost is no reason to fail the operation that it is of.
    const sent = new Promise<void>((resolve) => engine.log(request, () => resolve()));
    this.#underWay.add(sent);
    void sent.then(() => this.#underWay.delete(sent));
  }
}

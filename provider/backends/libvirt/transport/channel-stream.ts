import { Duplex } from "node:stream";
import type { ClientChannel } from "ssh2";

/**
 * An SSH channel as an ordinary stream: its end waits for the channel's own (only then is a command's exit status known),
 * and it ends with an error where there is one. ssh2's channels know neither.
 */
export class ChannelStream extends Duplex {
  /** `failure` is asked, once the channel is closed, whether it closed for a reason that is an error. */
  constructor(
    private readonly channel: ClientChannel,
    failure: () => Error | undefined,
  ) {
    super();
    // A lost connection must not end the process because there is no listener at that moment; it shows as `errored` and `close`.
    this.on("error", () => undefined);
    channel.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    // The other side says no more; saying so too lets it close the channel.
    channel.on("end", () => channel.end());
    channel.on("close", () => {
      const error = failure();
      if (error === undefined) this.push(null);
      else this.destroy(error);
    });
  }

  override _read(): void {
    this.channel.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.channel.write(chunk, encoding, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.channel.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.channel.close();
    callback(error);
  }
}

/** An SSH agent of which one key is offered at a time, and that is not waited for without end. */
import type { Duplex } from "node:stream";
import { BaseAgent, createAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from "ssh2";

/** For the list of its keys, which needs no person. */
const LIST_TIMEOUT_MS = 5_000;
/** For a signature, which may need one: `ssh-add -c`, a touch. Less than a host waits for. */
const SIGN_TIMEOUT_MS = 15_000;

export interface AgentLimits {
  readonly listMs?: number;
  readonly signMs?: number;
}

export interface AgentKey {
  readonly key: ParsedKey;
  /** The public key as SSH sends it. */
  readonly blob: Buffer;
}

/** The keys that it holds, or why they are not known. */
export async function keysOf(
  socket: string,
  { listMs = LIST_TIMEOUT_MS }: AgentLimits = {},
): Promise<{ readonly keys: readonly AgentKey[] } | { readonly why: string }> {
  const { agent, hangUp } = agentAt(socket);
  return new Promise((resolve) => {
    const giveUp = setTimeout(() => {
      resolve({ why: `no answer within ${listMs / 1000} s` });
      hangUp();
    }, listMs);
    agent.getIdentities((error, keys = []) => {
      clearTimeout(giveUp);
      if (error) resolve({ why: "it did not list its keys" });
      else resolve({ keys: (keys as ParsedKey[]).map((key) => ({ key, blob: key.getPublicSSH() })) });
    });
  });
}

/** ssh2 keeps its connection to an agent to itself: one that never answers would hold the process. */
function agentAt(socket: string): { readonly agent: BaseAgent; readonly hangUp: () => void } {
  const agent: BaseAgent = createAgent(socket);
  const connect = agent.getStream?.bind(agent);
  let stream: Duplex | undefined;
  agent.getStream = (done) =>
    connect?.((error, opened) => {
      stream = opened;
      done(error, opened);
    });
  return { agent, hangUp: () => void stream?.destroy() };
}

/** The agent as if it had this one key. */
export class OneKeyAgent extends BaseAgent {
  constructor(
    private readonly socket: string,
    private readonly key: ParsedKey,
    private readonly onGivenUp: (why: string) => void,
    private readonly limits: AgentLimits = {},
  ) {
    super();
  }

  override getIdentities(done: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    done(undefined, [this.key]);
  }

  override sign(
    key: ParsedKey | Buffer | string,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): void {
    const done = typeof options === "function" ? options : callback;
    const { signMs = SIGN_TIMEOUT_MS } = this.limits;
    const { agent, hangUp } = agentAt(this.socket);
    let open = true;
    const end = (error: Error | undefined, signature?: Buffer): void => {
      if (!open) return;
      open = false;
      clearTimeout(giveUp);
      done?.(error, signature);
    };
    const giveUp = setTimeout(() => {
      const why = `it did not sign within ${signMs / 1000} s`;
      this.onGivenUp(why);
      end(new Error(`The SSH agent did not sign within ${signMs / 1000} s`));
      hangUp();
    }, signMs);
    agent.sign(key, data, typeof options === "function" ? {} : options, (error, signature) =>
      end(error ?? undefined, signature),
    );
  }
}

/** What may be sent again, and when. */
import { EngineUnreachable, type HttpAnswer, type HttpRequest } from "./exchange.js";

export interface RetryPolicy {
  /** How often a request is sent again at most. Default: 4. */
  readonly attempts?: number | undefined;
  /** ms before the first further attempt; doubles with each. Default: 500. */
  readonly delay?: number | undefined;
  /** Default: a timer. */
  readonly wait?: ((milliseconds: number) => Promise<void>) | undefined;
}

/** What the next attempt would end in too, after as long a time; refusals besides. */
const lasting = new Set(["engine-answer-too-long", "engine-silent"]);

/** ms; a server that asks for more is asked again sooner. */
const longestDelay = 60_000;

/**
 * Sends a request, again where that is harmless: reads; and what was not carried out, since the connection never stood, or
 * since the engine's proxy had no engine to give it to (503). What may have arrived and changes something is not sent
 * twice.
 * @throws EngineUnreachable of the last attempt.
 */
export async function sendWithRetries(
  send: (request: HttpRequest) => Promise<HttpAnswer>,
  request: HttpRequest,
  { attempts = 4, delay = 500, wait = timer }: RetryPolicy = {},
): Promise<HttpAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    const backoff = Math.min(delay * 2 ** attempt, longestDelay);
    try {
      const answer = await send(request);
      if (attempt === attempts || !isTransient(answer, request)) return answer;
      await wait(askedDelay(answer.retryAfter) ?? backoff);
    } catch (error) {
      if (attempt === attempts || !(error instanceof EngineUnreachable) || !isHarmless(error, request)) throw error;
      await wait(backoff);
    }
  }
}

function isTransient({ status }: HttpAnswer, { repeatable }: HttpRequest): boolean {
  return status === 503 || (repeatable && (status === 502 || status === 504));
}

function isHarmless(error: EngineUnreachable, { repeatable }: HttpRequest): boolean {
  if (error.isRefusal || lasting.has(error.problem.code)) return false;
  return repeatable || !error.mayHaveArrived;
}

/** `Retry-After` in ms: seconds, or a date (RFC 9110, 10.2.3). */
function askedDelay(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const asked = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(asked) ? undefined : Math.min(Math.max(asked, 0), longestDelay);
}

function timer(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Looking until something is so. */
import { setTimeout as sleep } from "node:timers/promises";

/** ms between two looks: the first ones are near each other, for what is done at once. */
const shortestPause = 50;
const longestPause = 1000;

/**
 * The first answer that `look` has within the time, in seconds; undefined: none. There is one look at least.
 * @throws the signal's reason, once it is aborted.
 */
export async function until<T>(
  { signal }: { readonly signal?: AbortSignal | undefined },
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = Date.now() + seconds * 1000;
  for (let pause = shortestPause; ; pause = Math.min(pause * 2, longestPause)) {
    const found = await look();
    if (found !== undefined || Date.now() >= end) return found;
    await sleep(pause, undefined, { ...(signal !== undefined && { signal }) }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }
}

/** How long connections may take to say goodbye: the engine kills a provider that lingers for 5 s. */
const GRACE_MILLISECONDS = 1000;

const closers = new Set<() => unknown>();
let listening = false;

/** Runs `close` before the provider's process ends. Returns how to take that back, for what is closed earlier. */
export function onShutdown(close: () => unknown): () => void {
  closers.add(close);
  return () => void closers.delete(close);
}

/**
 * The engine ends a provider by SIGINT, and only when no operation runs: close what is open and exit. An open
 * connection would otherwise keep the process alive, and every `pulumi` command would wait five seconds for it.
 */
export function exitOnInterrupt(): void {
  if (listening) return;
  listening = true;
  process.once("SIGINT", () => {
    setTimeout(() => process.exit(0), GRACE_MILLISECONDS);
    void closeAll().then(() => process.exit(0));
  });
}

/** Closes everything registered, whatever fails. */
export async function closeAll(): Promise<void> {
  const open = [...closers];
  closers.clear();
  // Each is begun at once: what is closed later could be asked once more before.
  await Promise.allSettled(open.map(async (close) => await close()));
}

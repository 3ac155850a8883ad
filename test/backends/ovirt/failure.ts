/** What a call fails with, and all that can be seen of it. */

/** Undefined: it did not fail. */
export async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** All that a log of the error could show. */
export function everything(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.message}\n${JSON.stringify(error)}\n${error.stack ?? ""}\n${everything(error.cause ?? "")}`;
}

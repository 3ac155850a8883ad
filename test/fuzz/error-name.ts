/** An error's class by its name: tsx loads a CommonJS module once for those that import it and once for those that require it. */
export function errorName(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

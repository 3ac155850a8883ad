import type { Metafile } from "esbuild";

export const entries: Readonly<Record<string, string>>;

export function bundle(
  modules?: Readonly<Record<string, string>>,
): Promise<{ readonly files: ReadonlyMap<string, string>; readonly metafile: Metafile }>;

export function packagesIn(metafile: Metafile): readonly string[];

export function notices(folders: readonly string[]): string;

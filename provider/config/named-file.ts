/** Files that the configuration names: looked at when it is read, so that a wrong name is told before anything is asked. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { expandHome } from "./home.js";

/** Why the file cannot be read, in the words that follow "which"; undefined: it can. */
export function fileFault(file: string): string | undefined {
  const read = contentOf(file);
  return "fault" in read ? read.fault : undefined;
}

/** The same of a file of PEM certificates. */
export function certificateFault(file: string): string | undefined {
  const read = contentOf(file);
  if ("fault" in read) return read.fault;
  try {
    new X509Certificate(read.content);
    return undefined;
  } catch {
    return "holds no PEM certificate";
  }
}

function contentOf(file: string): { readonly content: string } | { readonly fault: string } {
  try {
    return { content: readFileSync(expandHome(file), "utf8") };
  } catch (error) {
    return { fault: faults[(error as NodeJS.ErrnoException).code ?? ""] ?? "cannot be read" };
  }
}

const faults: Readonly<Record<string, string>> = {
  ENOENT: "is not there",
  ENOTDIR: "is not there",
  EACCES: "this user may not read",
  EPERM: "this user may not read",
  EISDIR: "is a folder",
};

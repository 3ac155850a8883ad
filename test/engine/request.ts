/** What a request asks for, apart from its path: version, parameters, formats, correlation id. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export interface Target {
  /** Below the API and its version: `/vms/…`. */
  readonly path: string;
  /** As the URL has it: `/v4`; empty where it has none. Links in the answer have it, too. */
  readonly prefix: string;
  readonly version: string;
  /** Of the query, and of the last segment's matrix (`;max=2`), which the query wins over. */
  readonly parameters: URLSearchParams;
}

/** @param below the URL's path below the API. */
export function targetOf(below: string, query: URLSearchParams, headers: IncomingHttpHeaders): Target {
  const [, named, rest] = /^\/v([0-9]+)((?:\/.*)?)$/.exec(below) ?? [];
  const segments = (rest ?? below).split("/");
  const [last = "", ...matrix] = (segments.pop() ?? "").split(";");
  const parameters = new URLSearchParams(query);
  for (const [name, value] of new URLSearchParams(matrix.join("&")))
    if (!parameters.has(name)) parameters.set(name, value);
  const path = [...segments.map((segment) => segment.split(";")[0]), last].join("/");
  return {
    path: path === "" ? "/" : path,
    prefix: named === undefined ? "" : `/v${named}`,
    version: named ?? one(headers["version"]) ?? "4",
    parameters,
  };
}

export type Format = "xml" | "json";

/** Undefined: none that the API speaks is accepted. */
export function acceptedFormat(header: string | undefined): Format | undefined {
  if (header === undefined || header.trim() === "") return "xml";
  const ranges = header.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) || 0 };
  });
  const formats = {
    "application/xml": "xml",
    "application/json": "json",
    "application/*": "xml",
    "*/*": "xml",
  } as const;
  const [best] = ranges
    .filter(({ type, quality }) => quality > 0 && Object.hasOwn(formats, type))
    .sort((one, other) => other.quality - one.quality);
  return best && formats[best.type as keyof typeof formats];
}

/** Undefined: a type of content that the API does not read. */
export function sentFormat(header: string | undefined): Format | undefined {
  const [type = ""] = (header ?? "").toLowerCase().split(";");
  return ({ "application/xml": "xml", "application/json": "json" } as const)[type.trim() as "application/xml"];
}

/** Characters of a correlation id that the engine keeps. */
const maxCorrelationId = 36;

/** The header's or the parameter's, without what it may not hold and cut; a new one where neither says one. */
export function correlationIdOf(headers: IncomingHttpHeaders, parameters: URLSearchParams): string {
  const asked = one(headers["correlation-id"]) ?? parameters.get("correlation_id") ?? "";
  const kept = asked.replaceAll(/[^\w-]/g, "").slice(0, maxCorrelationId);
  return kept === "" ? randomUUID() : kept;
}

/** `ParametersHelper.getBooleanParameter` of a parameter, or of the header of that name. */
export function isAsked(parameters: URLSearchParams, header: string | string[] | undefined, name: string): boolean {
  const text = parameters.get(name) ?? one(header);
  return text !== undefined && /^(?:|t(?:rue)?|y(?:es)?|1)$/i.test(text);
}

/** `ParametersHelper.getIntegerParameter`: what is no number is as if it were not there. */
export function integerAsked(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  return text !== null && /^[-+]?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

export function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

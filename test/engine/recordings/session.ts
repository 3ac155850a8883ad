/** Sends recorded requests to a test engine, and writes its answers as the recordings have them. */
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { once } from "node:events";
import type { TestEngine } from "../server.js";
import type { Recording } from "./recording.js";

export interface Answer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly location: string | undefined;
  readonly correlationId: string | undefined;
  readonly body: string;
}

export class Session {
  readonly #saved = new Map<string, string>();

  private constructor(
    private readonly engine: TestEngine,
    private readonly ca: string,
    private readonly token: string,
  ) {}

  static async begin(engine: TestEngine): Promise<Session> {
    const ca = await readFile(engine.address.caFile, "utf8");
    const { username, password, url } = engine.address;
    const form = new URLSearchParams({ grant_type: "password", scope: "ovirt-app-api", username, password });
    const answer = await exchange(new URL("/ovirt-engine/sso/oauth/token", url), ca, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
      body: form.toString(),
    });
    const { access_token: token } = JSON.parse(answer.body) as { access_token: string };
    return new Session(engine, ca, token);
  }

  has(saved: string): boolean {
    return this.#saved.has(saved);
  }

  async send({ request: line, body, options = {} }: Pick<Recording, "request" | "body" | "options">): Promise<Answer> {
    const [method = "", path = ""] = line.split(/ (.*)/s);
    const { username, password, url } = this.engine.address;
    const authorization =
      options.auth === undefined
        ? `Bearer ${this.token}`
        : options.auth === "basic"
          ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
          : options.auth;
    const sends = method === "POST" || method === "PUT";
    const accept = options.accept === undefined ? "application/xml" : options.accept;
    const contentType = options.ct === undefined ? "application/xml" : options.ct;
    const answer = await exchange(new URL(url + this.#filled(path)), this.ca, {
      method,
      headers: {
        ...(authorization === null ? {} : { Authorization: authorization }),
        ...(accept === null ? {} : { Accept: accept }),
        ...(sends && contentType !== null ? { "Content-Type": contentType } : {}),
        ...options.headers,
      },
      body: sends ? this.#filled(body ?? "") : undefined,
    });
    const [, made] =
      /<[\w]+ href="[^"]*" id="([^"]*)"/.exec(answer.body) ?? /^.*"id" : "([^"]*)"/s.exec(answer.body) ?? [];
    if (options.save !== undefined && answer.status === 201 && made !== undefined) this.#saved.set(options.save, made);
    return { ...answer, body: answer.body };
  }

  /** An answer's text with names instead of ids, as recorded. */
  named(answer: string): string {
    let named = answer.replaceAll(/https:\/\/localhost:\d+/g, "https://engine");
    for (const [name, id] of this.#ids()) named = named.replaceAll(id, `{${name}}`);
    return unified(named);
  }

  /** A recorded answer the same way: what stands for a thing that this session does not have is any id. */
  expected(recorded: string): string {
    const known = new Set([...this.#ids()].map(([name]) => name));
    const braced = recorded.replaceAll(/<((?:[a-z]+:[^<>"]+)|UUID)>/g, (_, name: string) => {
      const [kind = "", own = ""] = name.split(":");
      const meant = kind === "host" && own === "SELF" ? "host:host1" : name;
      return known.has(meant) ? `{${meant}}` : "{UUID}";
    });
    return unified(braced);
  }

  *#ids(): Generator<readonly [name: string, id: string]> {
    const { model } = this.engine;
    for (const [name, id] of this.#saved) yield [`saved:${name}`, id];
    const collections = [
      ["vm", model.vms],
      ["host", model.hosts],
      ["dc", model.dataCenters],
      ["cluster", model.clusters],
      ["filter", model.networkFilters],
      ["net", model.networks],
    ] as const;
    for (const [kind, things] of collections) {
      // Names of management networks are not unique: they stand for themselves nowhere.
      for (const { id, name } of things.values()) if (name !== "ovirtmgmt") yield [`${kind}:${name}`, id];
    }
  }

  #filled(text: string): string {
    const ids = new Map(this.#ids());
    return text.replaceAll(/\{((?:net|vm|host|dc|cluster|filter|saved):[^{}]+)\}/g, (_, name: string) => {
      const meant = name === "host:SELF" ? "host:host1" : name;
      const id = ids.get(meant);
      if (id === undefined) throw new Error(`there is no ${name}`);
      return id;
    });
  }
}

/** Without what differs from one engine to another: other ids, times, MACs of the pool, numbers of events, certificates. */
function unified(text: string): string {
  return text
    .replaceAll(/\n\s*/g, "")
    .replaceAll(/-----BEGIN CERTIFICATE-----[^<]*/g, "CERTIFICATE")
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "{UUID}")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "TIME")
    .replaceAll(/56:6f(?::[0-9a-f]{2}){4}/g, "POOLMAC")
    .replaceAll(/(events\/)\d+(" id=")\d+/g, "$1N$2N")
    .replaceAll(/<index>\d+<\/index>/g, "<index>N</index>");
}

interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export async function exchange(url: URL, ca: string, { method, headers, body }: Sent): Promise<Answer> {
  const outgoing = request(url, { method, headers, ca, agent: false });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  const { "content-type": contentType, location, "correlation-id": correlationId } = incoming.headers;
  return {
    status: incoming.statusCode ?? 0,
    contentType,
    location,
    correlationId: Array.isArray(correlationId) ? correlationId[0] : correlationId,
    body: await text(incoming),
  };
}

/** A client of the oVirt engine's REST API, version 4, with XML bodies. */
import { randomUUID } from "node:crypto";
import { withoutTrailing } from "../../../model/foreign-text.js";
import { ProblemError } from "../../../model/problem.js";
import { formatXml, parseXml, type Element } from "../../../xml/element.js";
import { Connection, type ConnectionOptions, type HttpAnswer, type HttpRequest } from "./exchange.js";
import { faultOf, OvirtFault } from "./fault.js";
import { readable } from "./reading.js";
import { sendWithRetries, type RetryPolicy } from "./retry.js";
import type { EngineCredentials } from "../../../config/engine-credentials.js";
import { tokenSource, type TokenSource } from "./sign-on.js";

export interface EngineAddress {
  /** Of the API: `https://engine.example/ovirt-engine/api`; the engine's own URL will do. Must be https. */
  readonly url: string;
  /** Where the engine's sign-on gives out tokens, if not on the engine itself. Must be https. */
  readonly tokenUrl?: string | undefined;
}

export type EngineClientOptions = EngineAddress & EngineCredentials & ConnectionOptions & RetryPolicy;

export interface CallOptions {
  /** What is to be done, for the error: `add profile "data"`. Default: the method and path. */
  readonly action?: string | undefined;
  /**
   * Under which the engine's jobs, events and logs can be found. At most 36 of `A-Za-z0-9_-`: the engine cuts off what is
   * longer, and leaves other characters out. Default: a new one for each call.
   */
  readonly correlationId?: string | undefined;
  /** ms until the answer is there as a whole, where it is known to take longer than others. */
  readonly answerTimeout?: number | undefined;
}

export interface ListOptions extends CallOptions {
  /** In oVirt's query language. Default: all. */
  readonly search?: string | undefined;
  /** What to get at a time. Undefined: all at once, as for collections that can't be searched. */
  readonly pageSize?: number | undefined;
  /** The field that keeps the pages in one order. Default: `name`. */
  readonly sortBy?: string | undefined;
  /** Everything that there is of each member: a host's NIC tells of VFs only so. Default: what the engine tells unasked. */
  readonly allContent?: boolean | undefined;
  /** Further parameters of the query. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** Far more than any engine has members for; one that goes on is not read for ever. */
const mostPages = 1_000;
/** Members of one collection: a page may have more than were asked for, and all are kept. */
const mostMembers = 100_000;

/**
 * Errors of every call: {@link OvirtFault}, EngineUnreachable, SignOnRefused, XmlError. None holds a password or token.
 */
export class EngineClient {
  readonly #connection: Connection;
  readonly #signOn: TokenSource;
  readonly #api: URL;

  constructor(private readonly options: EngineClientOptions) {
    this.#api = apiUrl(options.url);
    this.#connection = new Connection(options);
    const { tokenUrl } = options;
    const places = { origin: this.#api, tokenUrl: tokenUrl === undefined ? undefined : httpsUrl(tokenUrl) };
    this.#signOn = tokenSource(places, options, (request) => this.#send(request));
  }

  /** The engine's name and port. */
  get where(): string {
    return this.#api.host;
  }

  /** @param path below the API: `/vms/123`. */
  get(path: string, options: CallOptions = {}): Promise<Element> {
    return this.#document("GET", path, undefined, options);
  }

  /** Undefined where there is no such thing. */
  async find(path: string, options: CallOptions = {}): Promise<Element | undefined> {
    try {
      return await this.get(path, options);
    } catch (error) {
      if (error instanceof OvirtFault && error.isNotFound) return undefined;
      throw error;
    }
  }

  /**
   * A collection's members, page by page where `pageSize` is given. What is added or removed meanwhile may move a member
   * to another page: one that was seen is not given twice, but one may be missed. At most 1,000 pages and 100,000 members.
   * @throws ProblemError `engine-list-too-long` where there are more.
   */
  async *list(
    path: string,
    { search, pageSize, sortBy = "name", allContent = false, ...rest }: ListOptions = {},
  ): AsyncGenerator<Element, void, undefined> {
    const { parameters: further, ...options } = rest;
    const parameters = { ...further, ...(allContent && { all_content: "true" }) };
    if (pageSize === undefined) {
      yield* (await this.get(withQuery(path, { ...parameters, ...(search === undefined ? {} : { search }) }), options))
        .children;
      return;
    }
    const seen = new Set<string>();
    for (let page = 1; page <= mostPages; page += 1) {
      const before = seen.size;
      // The engine's grammar wants a direction before `page`; without one its answer is an empty list, not a fault.
      const query = `${search === undefined ? "" : `${search} `}sortby ${sortBy} asc page ${page}`;
      const found = await this.get(withQuery(path, { ...parameters, search: query, max: String(pageSize) }), options);
      for (const member of found.children) {
        const id = member.attributes["id"] ?? "";
        if (seen.has(id)) continue;
        seen.add(id);
        if (seen.size > mostMembers) throw this.#tooLong(path, `${mostMembers} members`);
        yield member;
      }
      // A page that has no member but known ones is the last: of an engine that gives the same page for ever, too.
      if (found.children.length < pageSize || seen.size === before) return;
    }
    throw this.#tooLong(path, `${mostPages} pages`);
  }

  /** What can be read of a collection that has no pages: see {@link readable}. @throws XmlError */
  async members<Thing>(
    path: string,
    parse: (member: Element) => Thing,
    options: Omit<ListOptions, "pageSize" | "sortBy"> = {},
  ): Promise<readonly Thing[]> {
    const elements: Element[] = [];
    for await (const element of this.list(path, options)) elements.push(element);
    return readable(elements, parse);
  }

  post(path: string, body: Element, options: CallOptions = {}): Promise<Element> {
    return this.#document("POST", path, body, options);
  }

  put(path: string, body: Element, options: CallOptions = {}): Promise<Element> {
    return this.#document("PUT", path, body, options);
  }

  async delete(path: string, options: CallOptions = {}): Promise<void> {
    await this.#call("DELETE", path, undefined, options);
  }

  /** Revokes the tokens that it got itself, and ends the connections. What is asked later fails. */
  async close(): Promise<void> {
    await this.#signOn.signOff();
    this.#connection.close();
  }

  #tooLong(path: string, given: string): ProblemError {
    return new ProblemError({
      code: "engine-list-too-long",
      what: `Unable to read ${path}: the engine returned ${given} and more remain`,
      where: this.where,
      remedy: "Check that the URL is that of an oVirt engine.",
    });
  }

  async #document(
    method: HttpRequest["method"],
    path: string,
    body: Element | undefined,
    options: CallOptions,
  ): Promise<Element> {
    const answer = await this.#call(method, path, body, options);
    return parseXml(answer.body);
  }

  async #call(
    method: HttpRequest["method"],
    path: string,
    body: Element | undefined,
    { action = `${method} ${path}`, correlationId = randomUUID(), answerTimeout }: CallOptions,
  ): Promise<HttpAnswer> {
    const attempt = (token: string) =>
      this.#send({
        method,
        repeatable: method === "GET",
        url: new URL(`${this.#api.pathname}${path}`, this.#api),
        headers: {
          Accept: "application/xml",
          "Accept-Language": "en-US",
          Authorization: `Bearer ${token}`,
          "Correlation-Id": correlationId,
          Version: "4",
          ...(body === undefined ? {} : { "Content-Type": "application/xml; charset=utf-8" }),
        },
        ...(body === undefined ? {} : { body: formatXml(body) }),
        answerTimeout,
      });
    let token = await this.#signOn.token();
    let answer = await attempt(token);
    if (answer.status === 401) {
      this.#signOn.refuse(token);
      token = await this.#signOn.token();
      answer = await attempt(token);
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw faultOf(answer, action, this.where, "password" in this.options ? [this.options.password, token] : [token]);
  }

  #send(request: HttpRequest): Promise<HttpAnswer> {
    return sendWithRetries((each) => this.#connection.send(each), request, this.options);
  }
}

function apiUrl(text: string): URL {
  const url = httpsUrl(text);
  const path = withoutTrailing(url.pathname, (character) => character === "/");
  return new URL(path.endsWith("/api") ? path : "/ovirt-engine/api", url);
}

function httpsUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "") {
    throw new ProblemError({
      code: "engine-url",
      what: "Unable to use the oVirt engine's URL: it must be https, without user and password in it",
      remedy: "Write it as https://engine.example/ovirt-engine/api.",
    });
  }
  return url;
}

function withQuery(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(parameters).toString();
  return query === "" ? path : `${path}?${query}`;
}

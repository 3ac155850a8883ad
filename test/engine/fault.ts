/** What the engine answers when it does not do what it was asked. */
import { element, type Element } from "../../provider/xml/element.js";
import { messages, worded, type MessageId, type Variables } from "./messages.js";

export class EngineFault extends Error {
  override readonly name = "EngineFault";

  constructor(
    readonly status: number,
    /** Undefined: an answer without body, as for an entity that is not there. */
    readonly body: Element | undefined,
    /** Of a command that refuses or failed: its messages, which events tell, too. */
    readonly texts?: readonly string[],
  ) {
    super(`${status}`);
  }
}

/** An answer of what stands around the API (RESTEasy, the servlet container): HTML, and no fault. */
export class HtmlError extends Error {
  override readonly name = "HtmlError";

  constructor(
    readonly status: number,
    readonly html: string,
  ) {
    super(`${status}`);
  }
}

/** A fault in the words of the REST layer itself, which are not in brackets. */
export function restFault(status: number, detail: string, reason = "Operation Failed"): EngineFault {
  return new EngineFault(status, faultElement(detail, reason));
}

/** The answer of BaseBackendResource.handleError for an entity named in the path that does not exist: no body at all. */
export function notFound(): EngineFault {
  return new EngineFault(404, undefined);
}

/** An id in a request's body that is none (MalformedIdExceptionMapper.java, with a small "f"). */
export function malformedId(id: string): EngineFault {
  return restFault(400, `Invalid UUID string: ${id}`, "Operation failed");
}

/**
 * Messages of a command: the detail is a Java list's `toString()`, so it stands in brackets. A 400 among the statuses
 * wins over a 409 (ErrorMessageHelper.getErrorStatus), but only of messages that have a type of error.
 */
export function commandFault(ids: readonly [MessageId, ...MessageId[]], variables: Variables): EngineFault {
  return listed(
    messages[ids[0]].status,
    ids.map((id) => worded(id, variables)),
  );
}

/** Messages as the engine prints a list of them; none: a command that failed without saying why. */
export function listed(status: number, texts: readonly string[]): EngineFault {
  return new EngineFault(status, faultElement(`[${texts.join(", ")}]`, "Operation Failed"), texts);
}

function faultElement(detail: string, reason: string): Element {
  return element("fault", {}, [element("detail", {}, detail), element("reason", {}, reason)]);
}

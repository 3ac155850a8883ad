/** What the engine answers when it does not do what it was asked. */
import { ProblemError, type Problem } from "../../../problem.js";
import { child, parseXml, textOf, XmlError, type Element } from "../../../xml/element.js";
import type { HttpAnswer } from "./exchange.js";
import { messageIdOf } from "./messages.js";
import { withoutSecrets } from "./secrets.js";

/**
 * The engine said no. Code: `engine-not-found` for 404, else `engine-fault`.
 *
 * The message's id is looked up by its English text, since a fault has none; ask for English with `Accept-Language`.
 */
export class OvirtFault extends ProblemError {
  override readonly name: string = "OvirtFault";

  constructor(
    problem: Problem,
    readonly status: number,
    /** `Operation Failed`, `Incomplete parameters`, …; undefined where the answer has no fault. */
    readonly reason: string | undefined,
    /** In the engine's words, without the brackets around a list of messages. */
    readonly detail: string | undefined,
    /** Such as `ACTION_TYPE_FAILED_VNIC_PROFILE_NAME_IN_USE`. */
    readonly messageId: string | undefined,
  ) {
    super(problem);
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }
}

/**
 * The fault in an answer: by itself, or in an action; or none, as for what is not there, and for answers that come from
 * the proxy before the engine.
 * @param action what was to be done: `add profile "data"`.
 */
export function faultOf(answer: HttpAnswer, action: string, where: string, secrets: readonly string[]): OvirtFault {
  const fault = faultElement(answer);
  const clean = (text: string | undefined) => (text === undefined ? undefined : withoutSecrets(text, secrets));
  const reason = clean(textOf(child(fault, "reason")));
  const detail = clean(textOf(child(fault, "detail")))
    ?.replace(/^\[/, "")
    .replace(/\]$/, "");
  const messageId = detail === undefined ? undefined : messageIdOf(detail);
  const notFound = answer.status === 404;
  const why =
    (detail ?? reason)?.replaceAll(/\s+/g, " ") ??
    (notFound ? "the engine has no such thing" : `the engine answers ${answer.status} ${answer.statusText}`);
  return new OvirtFault(
    {
      code: notFound ? "engine-not-found" : "engine-fault",
      what: `Unable to ${action}: ${why}${messageId === undefined ? "" : ` (${messageId})`}`,
      where,
    },
    answer.status,
    reason,
    detail,
    messageId,
  );
}

function faultElement({ body, contentType }: HttpAnswer): Element | undefined {
  if (body.trim() === "" || !/\bxml\b/.test(contentType)) return undefined;
  try {
    const root = parseXml(body);
    return root.name === "fault" ? root : child(root, "fault");
  } catch (error) {
    // An answer that is no document says no more than its status.
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

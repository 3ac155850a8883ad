/** What the engine answers when it does not do what it was asked. */
import { foreignText } from "../../../model/foreign-text.js";
import { ProblemError, type Problem } from "../../../model/problem.js";
import { neededRoles } from "../../../rules/index.js";
import { child, parseXml, textOf, XmlError, type Element } from "../../../xml/element.js";
import { EngineUnreachable, type HttpAnswer } from "./exchange.js";
import { messageIdOf } from "./messages.js";
import { withoutSecrets } from "./secrets.js";

/**
 * The engine said no. Code: `engine-not-found` for a 404 of its own, `engine-path-unknown` for one of a path that is none of its API, or of a
 * proxy before it, else `engine-fault`.
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
    /** In the engine's words, without the brackets around a list of messages; undefined where it says none. */
    readonly detail: string | undefined,
    /** Such as `ACTION_TYPE_FAILED_VNIC_PROFILE_NAME_IN_USE`. */
    readonly messageId: string | undefined,
  ) {
    super(problem);
  }

  get isNotFound(): boolean {
    return this.problem.code === "engine-not-found";
  }
}

/**
 * Whether what was asked for may have been done although the answer is an error: no answer came, or only that of a proxy
 * which had no whole answer of the engine's (502), or none in time (504). A proxy's 503 says that there was no engine.
 */
export function mayHaveArrived(error: unknown): boolean {
  if (error instanceof EngineUnreachable) return error.mayHaveArrived;
  return error instanceof OvirtFault && (error.status === 502 || error.status === 504);
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
  // A command that fails after its checks says `[]`, and why only in events.
  const text = clean(textOf(child(fault, "detail")))
    ?.replace(/^\[/, "")
    .replace(/\]$/, "");
  const detail = text === "" ? undefined : text;
  const messageId = detail === undefined ? undefined : messageIdOf(detail);
  const said = detail ?? reason;
  const kind = kindOf(answer, clean(answer.statusText));
  const why = (said === undefined ? undefined : foreignText(said.replaceAll(/\s+/g, " "))) ?? kind.why;
  return new OvirtFault(
    {
      code: kind.code,
      what: `Unable to ${action}: ${why}${messageId === undefined ? "" : ` (${messageId})`}`,
      where,
      ...(kind.remedy === undefined ? remedyOf(answer.status, detail, messageId) : { remedy: kind.remedy }),
    },
    answer.status,
    reason,
    detail,
    messageId,
  );
}

/** What the answer says by its status alone. */
function kindOf(
  { status, contentType }: HttpAnswer,
  statusText = "",
): { readonly code: string; readonly why: string; readonly remedy?: string } {
  if (status !== 404)
    return { code: "engine-fault", why: `the engine answers ${status} ${foreignText(statusText)}`.trimEnd() };
  // The engine says without a page that an object is not there; RESTEasy and proxies have a page for a path that they do not know.
  if (!/\bhtml\b/.test(contentType)) return { code: "engine-not-found", why: "the engine has no such object" };
  return {
    code: "engine-path-unknown",
    why: "what answers there is no API of an oVirt engine (404)",
    remedy: "Check the engine's URL (url of vnic-failover:ovirt), and that the engine has started.",
  };
}

function remedyOf(status: number, detail: string | undefined, messageId: string | undefined): { remedy?: string } {
  if (isRefusalOfPermission(status, detail)) return { remedy: neededRoles };
  const remedy = remedies[messageId ?? ""];
  return remedy === undefined ? {} : { remedy };
}

/** Of messages that do not say themselves what helps. */
const remedies: Readonly<Record<string, string>> = {
  CAN_DO_ACTION_GENERAL_FAILURE:
    "Check engine.log for the cause. A migration fails like this where a standby's network is not attached to the VM's cluster.",
};

export { neededRoles };

/** A user without any role gets a token, and then 401 for everything; one with too few a fault in words. */
function isRefusalOfPermission(status: number, detail: string | undefined): boolean {
  return (
    status === 401 ||
    status === 403 ||
    (detail !== undefined && /permission|not authorized|not allowed to/i.test(detail))
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

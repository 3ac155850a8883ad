/**
 * A request's body becomes an element, or is refused as the engine's binding layer does: unknown elements, malformed
 * text and none at all get the usage fault, values that are none the fault of their type (JAXBProvider.java,
 * IOExceptionMapper.java, BooleanParser.java, UsageFinder.java).
 */
import { attribute, child, parseXml, XmlError, type Element } from "../../provider/xml/element.js";
import { HtmlError, restFault } from "./fault.js";
import { elementOfJson } from "./json.js";
import { enums, identified, roots, types } from "./schema.js";

export type BodyType = "VnicProfile" | "Nic" | "Action";

/** What a call takes. */
export interface Taken {
  readonly type: BodyType;
  /** The call in the API's documentation: `vnic_profiles/methods/add`. */
  readonly call: string;
  /** Where the parameter's fields must be given (`@InputDetail`, mandatory): `name`, `network.id`. */
  readonly mandatory?: readonly string[] | undefined;
  /** The parameter's name in the messages: `profile`. */
  readonly parameter?: string | undefined;
}

export interface SentBody {
  readonly text: string;
  readonly format: "xml" | "json";
  /** Of the engine as the request names it: `https://engine:443`. */
  readonly origin: string;
}

const rootNames: Readonly<Record<BodyType, string>> = { VnicProfile: "vnic_profile", Nic: "nic", Action: "action" };

/** @throws EngineFault, HtmlError */
export function readBody({ text, format, origin }: SentBody, taken: Taken): Element {
  const usage = () =>
    restFault(
      400,
      `For correct usage, see: ${origin}/ovirt-engine/apidoc#services/${taken.call}`,
      "Request syntactically incorrect.",
    );
  const root = rootNames[taken.type];
  const body = format === "json" ? elementOfJson(root, text) : elementOfXml(text);
  if (body === undefined) throw usage();
  if (body.name !== root) {
    if (roots.has(body.name)) throw new HtmlError(500, "java.lang.ClassCastException@1b0d2b1f");
    throw usage();
  }
  check(body, taken.type, usage);
  for (const field of taken.mandatory ?? []) {
    if (!has(body, field)) {
      throw restFault(
        400,
        `Parameter '${taken.parameter ?? ""}.${field}' is mandatory but was not provided.`,
        "Input validation failed.",
      );
    }
  }
  return body;
}

function elementOfXml(text: string): Element | undefined {
  try {
    return parseXml(text);
  } catch (error) {
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

/** In the document's order, as the engine's reader meets it. @throws EngineFault */
function check(body: Element, type: string, usage: () => Error): void {
  const known = types[type];
  if (known === undefined) return;
  for (const each of body.children) {
    if (identified.has(type) && ["actions", "link", "creation_status"].includes(each.name)) continue;
    const kind = Object.hasOwn(known, each.name) ? known[each.name] : undefined;
    if (kind === undefined) throw usage();
    if (kind.endsWith("[]")) {
      for (const member of each.children) {
        if (member.name !== singular(each.name)) throw usage();
        checkValue(member, kind.slice(0, -2), usage);
      }
    } else {
      checkValue(each, kind, usage);
    }
  }
}

function checkValue(value: Element, type: string, usage: () => Error): void {
  const text = value.text ?? "";
  const known = enums[type];
  if (known !== undefined) {
    if (!known.includes(text.toLowerCase())) {
      throw invalid(
        `The string '${text}' isn't a valid value for the '${type}' enumerated type. Valid values are: ${known
          .map((each) => `'${each}'`)
          .join(", ")}.`,
      );
    }
  } else if (type === "Boolean") {
    if (!/^(?:true|false|0|1)$/i.test(text)) {
      throw invalid(`Value "${text}" isn't a valid boolean, it should be "true" , "false", "0" or "1"`);
    }
  } else if (type === "Integer") {
    const number = text.trim() === "" ? "0" : text.trim();
    if (!/^[-+]?\d+$/.test(number)) throw usage();
    if (Number(number) > 2 ** 31 - 1) throw invalid(`Value ${text} is greater than maximum integer ${2 ** 31 - 1}`);
  } else {
    check(value, type, usage);
  }
}

/** The name of a list's members: `custom_property` in `custom_properties`. */
export function singular(list: string): string {
  if (list.endsWith("ies")) return `${list.slice(0, -3)}y`;
  return list === "addresses" ? "address" : list.replace(/s$/, "");
}

/** `isSet`: an empty one is given, too. */
function has(body: Element, field: string): boolean {
  const [first = "", second] = field.split(".");
  const given = child(body, first);
  if (second === undefined || given === undefined) return given !== undefined;
  return second === "id" ? attribute(given, "id") !== undefined : child(given, second) !== undefined;
}

function invalid(detail: string): Error {
  return restFault(400, detail, "Invalid value");
}

/** Properties as the engine sends them, and as handlers have them: UNKNOWN for what a preview does not know, no secrets. */
import { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { UNKNOWN } from "../../model/unknown.js";
import { Secrets } from "./secrets.js";

// As Pulumi's protocol has them (sdk/nodejs/runtime/rpc.ts). The SDK's module would load the whole SDK, half a second of it.
const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const specialSigKey = "4dabf18193072939515e22adb298388d";
const specialSecretSig = "1b47061264138c4ac30d75fd1eb44270";

export interface Received {
  readonly values: Readonly<Record<string, unknown>>;
  readonly secrets: Secrets;
}

/** The values in clear, and what of them was secret. */
export function receive(struct: Struct | undefined): Received {
  const secrets = new Secrets();
  const values = Object.entries(struct?.toJavaScript() ?? {}).map(([name, value]) => [
    name,
    inClear(value, (secret) => secrets.add(name, secret)),
  ]);
  return { values: Object.fromEntries(values) as Record<string, unknown>, secrets };
}

/** The values for the engine. What was secret under the same name, or holds the text of a secret, is secret again. */
export function send(values: object, secrets: Secrets): Struct {
  const properties = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, secrets.has(name, value) ? secret(onWire(value)) : onWire(value)]);
  return Struct.fromJavaScript(Object.fromEntries(properties) as Parameters<typeof Struct.fromJavaScript>[0]);
}

/** A value without its secrets' wrappers, each of which is told of. */
export function inClear(value: unknown, onSecret: (secret: unknown) => void = () => undefined): unknown {
  if (value === unknownValue) return UNKNOWN;
  if (Array.isArray(value)) return value.map((item) => inClear(item, onSecret));
  if (typeof value !== "object" || value === null) return value;
  if ((value as Record<string, unknown>)[specialSigKey] === specialSecretSig) {
    const clear = inClear((value as Record<string, unknown>)["value"]);
    onSecret(clear);
    return clear;
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inClear(inner, onSecret)]));
}

/** The wire has no `undefined`: google-protobuf throws at it. */
function onWire(value: unknown): unknown {
  if (value === UNKNOWN) return unknownValue;
  if (Array.isArray(value)) return value.map((item) => onWire(item ?? null));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, onWire(inner)]));
}

function secret(value: unknown): object {
  return { [specialSigKey]: specialSecretSig, value };
}

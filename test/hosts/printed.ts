/** Definitions as text. Elements never change, so what was printed once stays true: hosts with many VMs print much. */
import { element, formatXml, withChildren, type Element } from "../../provider/xml/element.js";
import { numbered } from "./definition.js";

const definitions = new WeakMap<Element, { readonly id: number; readonly text: string }>();
const devices = new WeakMap<Element, string>();
const devicesMark = "<devices/>";

/** A domain's definition as libvirt prints it while the domain runs with that number, or for its next start (-1). */
export function printed(definition: Element, id: number): string {
  const last = definitions.get(definition);
  if (last?.id === id) return last.text;
  const text = byDevice(numbered(definition, id));
  definitions.set(definition, { id, text });
  return text;
}

function byDevice(definition: Element): string {
  const all = definition.children.find(({ name }) => name === "devices");
  if (all === undefined) return formatXml(definition);
  const rest = definition.children.map((each) => (each === all ? element("devices") : each));
  const [before = "", after = ""] = formatXml(withChildren(definition, rest)).split(devicesMark);
  return `${before}<devices>${all.children.map(device).join("")}</devices>${after}`;
}

function device(each: Element): string {
  const text = devices.get(each) ?? formatXml(each);
  devices.set(each, text);
  return text;
}

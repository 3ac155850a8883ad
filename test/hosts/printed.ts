/** Definitions as text. Elements never change, so what was printed once of a device stays true: hosts with many VMs print much. */
import { element, formatXml, withChildren, type Element } from "../../provider/xml/element.js";

const texts = new WeakMap<Element, string>();
const devicesMark = "<devices/>";

/** A domain's definition, printed device by device. */
export function printed(definition: Element): string {
  const devices = definition.children.find(({ name }) => name === "devices");
  if (devices === undefined) return formatXml(definition);
  const rest = definition.children.map((each) => (each === devices ? element("devices") : each));
  const [before = "", after = ""] = formatXml(withChildren(definition, rest)).split(devicesMark);
  return `${before}<devices>${devices.children.map(printedOnce).join("")}</devices>${after}`;
}

function printedOnce(device: Element): string {
  const text = texts.get(device) ?? formatXml(device);
  texts.set(device, text);
  return text;
}

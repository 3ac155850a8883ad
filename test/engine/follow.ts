/** `follow=nics,cluster.networks`: what a link leads to stands in its place (LinkFollower.java). */
import { attribute, child, withChildren, type Element } from "../../provider/xml/element.js";
import { HtmlError } from "./fault.js";
import { apiPath } from "./parts.js";

/** @param get what is at a path below the API. */
export async function follow(
  document: Element,
  wanted: string,
  get: (path: string) => Promise<Element | undefined>,
): Promise<Element> {
  let followed = document;
  for (const path of wanted.split(",")) followed = await along(followed, path.split("."), get);
  return followed;
}

async function along(
  from: Element,
  [name, ...further]: readonly string[],
  get: (path: string) => Promise<Element | undefined>,
): Promise<Element> {
  if (name === undefined || name === "") return from;
  const isCollection = attribute(from, "id") === undefined;
  if (isCollection) {
    const members = await Promise.all(from.children.map((member) => along(member, [name, ...further], get)));
    return withChildren(from, members);
  }
  const link = from.children.find(
    (each) => each.name === "link" && attribute(each, "rel") === name.replaceAll("_", "").toLowerCase(),
  );
  const member = child(from, name);
  const href = attribute(link ?? member, "href");
  if (href === undefined) {
    throw new HtmlError(
      500,
      `<html><head><title>ERROR</title></head><body>java.lang.IllegalStateException: Problem fetching '${name}'</body></html>`,
    );
  }
  const found = await get(href.slice(apiPath.length));
  const there = await along(found ?? { name, attributes: {}, children: [] }, further, get);
  const place = { ...there, name };
  // The link to a collection stays beside it.
  const rest = from.children.filter((each) => each !== member);
  return withChildren(from, [...rest, place]);
}

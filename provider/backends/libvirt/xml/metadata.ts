import { attribute, child, element, withChildren, type AttributeValue, type Element } from "../../../xml/element.js";

/**
 * What this package leaves in a libvirt object's `<metadata>`: `profile` and `claim` in a network; `interfaces`, `placement`,
 * `journal`, `owed` and `vfs` in a domain.
 * libvirt keeps one element a namespace there (virXMLNodeSanitizeNamespaces), so each kind has its own.
 */
export type MetadataKind = "profile" | "claim" | "interfaces" | "placement" | "journal" | "owed" | "vfs";

/** The prefix that stands before our elements inside libvirt's XML; libvirt's calls name it `key`. */
export const metadataPrefix = "vnic";

/** The version at the end counts changes that an older reader would misunderstand. */
export function metadataNamespace(kind: MetadataKind): string {
  return `https://pulumi-vnic-failover.dev/xmlns/${kind}/1`;
}

/**
 * An element of that kind as virDomainSetMetadata and virDomainGetMetadata pass it: without prefix and namespace, which
 * libvirt adds and removes by itself (virXMLInjectNamespace, virXMLExtractNamespaceXML).
 */
export function buildMetadata(
  kind: MetadataKind,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  children: readonly (Element | undefined)[] = [],
): Element {
  return element(kind, attributes, children);
}

/** The same element as it stands in an object's own XML: prefixed throughout, the prefix declared on it. */
export function embedMetadata(kind: MetadataKind, metadata: Element): Element {
  const { name, attributes, ...rest } = rename(metadata, (local) => `${metadataPrefix}:${local}`);
  const declaration = element(name, { [`xmlns:${metadataPrefix}`]: metadataNamespace(kind), ...attributes });
  return { ...rest, name, attributes: declaration.attributes };
}

/**
 * Finds the element of that kind in a domain's or network's `<metadata>`, by its namespace, whatever prefix it has there,
 * and gives it back as {@link buildMetadata} made it.
 */
export function findMetadata(kind: MetadataKind, root: Element): Element | undefined {
  const embedded = embeddedIn(root, kind);
  if (embedded === undefined) return undefined;
  const prefix = prefixOf(embedded.name);
  const bare = rename(embedded, (name) => (prefixOf(name) === prefix ? localName(name) : name));
  const attributes = Object.entries(bare.attributes).filter(([name]) => name !== declarationOf(prefix));
  return { ...bare, attributes: element(bare.name, Object.fromEntries(attributes)).attributes };
}

/** The object with another element of that kind in the place of the one it has; the same where it has none. */
export function withMetadataReplaced(kind: MetadataKind, metadata: Element, root: Element): Element {
  const [place, embedded] = [child(root, "metadata"), embeddedIn(root, kind)];
  if (place === undefined || embedded === undefined) return root;
  return withChild(root, place, withChild(place, embedded, embedMetadata(kind, metadata)));
}

function withChild(parent: Element, old: Element, now: Element): Element {
  return withChildren(
    parent,
    parent.children.map((part) => (part === old ? now : part)),
  );
}

/** The element of that kind as it stands in the object's `<metadata>`. */
function embeddedIn(root: Element, kind: MetadataKind): Element | undefined {
  const metadata = child(root, "metadata");
  return metadata?.children.find(
    (candidate) => namespaceOf(candidate, [candidate, metadata, root]) === metadataNamespace(kind),
  );
}

function rename(from: Element, to: (name: string) => string): Element {
  return withChildren(
    { ...from, name: to(from.name) },
    from.children.map((each) => rename(each, to)),
  );
}

/** The namespace of an element's name, from the nearest declaration of its prefix. */
function namespaceOf({ name }: Element, scopes: readonly Element[]): string | undefined {
  const declaration = declarationOf(prefixOf(name));
  return scopes.map((scope) => attribute(scope, declaration)).find((uri) => uri !== undefined);
}

function declarationOf(prefix: string): string {
  return prefix === "" ? "xmlns" : `xmlns:${prefix}`;
}

function prefixOf(name: string): string {
  return name.slice(0, Math.max(0, name.indexOf(":")));
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** A domain's XML without what others than libvirt have written into it. */
import { endOfTag, sectionAt } from "../../../xml/parse.js";

/**
 * Who may edit a VM may fill its metadata, up to libvirt's limit of 4 MiB: what is asked of every VM of a host is read without it.
 * One pass, linear. Where there is none, or it does not end, the text is the same.
 * @throws XmlError for a tag that does not end.
 */
export function withoutMetadata(xml: string): string {
  let depth = 0;
  let start: number | undefined;
  for (let at = xml.indexOf("<"); at !== -1; at = xml.indexOf("<", at)) {
    const section = sectionAt(xml, at);
    if (section !== undefined) {
      const end = xml.indexOf(section.close, at + section.open.length);
      if (end === -1) return xml;
      at = end + section.close.length;
      continue;
    }
    const end = endOfTag(xml, at);
    if (xml.startsWith("</", at)) {
      depth -= 1;
      if (depth === 1 && start !== undefined) return xml.slice(0, start) + xml.slice(end);
    } else if (!xml.startsWith("/>", end - 2)) {
      // libvirt writes it once, as a child of the domain.
      if (depth === 1 && start === undefined && /^<metadata[\s>]/.test(xml.slice(at, at + 10))) start = at;
      depth += 1;
    }
    at = end;
  }
  return xml;
}

import { ProblemError } from "../model/problem.js";

/**
 * XML that can't be read, or that can't be written. Codes: `xml-malformed` (not well-formed), `xml-refused` (a feature of
 * XML that this package never reads: DOCTYPE, entities of its own), `xml-too-large`, `xml-unwritable` (XML 1.0 can't hold
 * it), `xml-unexpected` (well-formed, but not the document that was asked for).
 */
export class XmlError extends ProblemError {
  override readonly name: string = "XmlError";
}

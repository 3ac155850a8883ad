/** The one function of js-yaml that is used; the package brings no types. */
declare module "js-yaml" {
  /** @throws Error (YAMLException) with the line at fault. */
  export function load(text: string): unknown;
}

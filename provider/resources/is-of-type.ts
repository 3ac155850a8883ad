/** Whether a value is a resource of that type. Each resource of the SDK bears its type, whatever copy of the SDK has made it. */
export function isOfType(type: string, value: unknown): boolean {
  return typeof value === "object" && value !== null && "__pulumiType" in value && value.__pulumiType === type;
}

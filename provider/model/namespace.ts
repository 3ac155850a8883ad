/** The namespace of this package's keys in a stack's configuration. */
export const CONFIG_NAMESPACE = "vnic-failover";

/** Keys that Pulumi itself reads of any package's configuration. */
export const pulumiKeys: readonly string[] = ["version", "pluginDownloadURL", "pluginChecksums", "parameterization"];

/** Of a secret that is not encrypted. */
export function plainSecret(key: string): string {
  const name = `${CONFIG_NAMESPACE}:${key}`;
  return `${name} is in plain text in the stack's configuration. Encrypt it with pulumi config set --secret ${name}, and change it: everyone who has read the file knows it.`;
}

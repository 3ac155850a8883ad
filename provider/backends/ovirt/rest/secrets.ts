/** The text without the secrets: what a server sends back must not carry ours into an error. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== "")
    .reduce((clean, secret) => clean.replaceAll(secret, "***").replaceAll(encodeURIComponent(secret), "***"), text);
}

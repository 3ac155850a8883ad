/** The text without the secrets: what a server sends back must not carry ours into an error. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== "")
    .flatMap(spellings)
    .reduce((clean, spelling) => clean.replaceAll(spelling, "***"), text);
}

/** As it is, as in a URL, and as in a form (application/x-www-form-urlencoded, as URLSearchParams writes it). */
function spellings(secret: string): readonly string[] {
  const inUrl = encodeURIComponent(secret);
  const inForm = new URLSearchParams({ "": secret }).toString().slice(1);
  return [...new Set([secret, inUrl, inForm])].toSorted((a, b) => b.length - a.length);
}

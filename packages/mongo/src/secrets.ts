/** The passwords in a connection string, as they stand there and as they are meant. */
export function secretsOfUrl(url: string): string[] {
  const secrets = new Set<string>();
  // up to the last @ before the path: a password with an unescaped @ is an error that must not show it either
  const password = /^[^/]*\/\/[^/]*?:(.*)@/s.exec(url)?.[1];
  const inQuery = [...url.matchAll(/[?&][^=&]*(?:password|token)[^=&]*=([^&]*)/gi)].map((match) => match[1]);
  for (const secret of [password, ...inQuery]) {
    if (secret === undefined || secret === "") continue;
    secrets.add(secret);
    try {
      secrets.add(decodeURIComponent(secret));
    } catch {
      // not percent-encoded: it stands there as it is meant
    }
  }
  return [...secrets];
}

/** The passwords in the options of a client or a database, wherever the driver has put them. */
export function secretsOf(clientOrDb: unknown): string[] {
  const options = property(clientOrDb, "options") ?? property(property(clientOrDb, "client"), "options");
  const credentials = property(options, "credentials");
  const candidates = [
    property(credentials, "password"),
    property(property(credentials, "mechanismProperties"), "AWS_SESSION_TOKEN"),
    property(options, "proxyPassword"),
    property(options, "tlsCertificateKeyFilePassword"),
    property(options, "passphrase"),
  ];
  return candidates.filter((secret): secret is string => typeof secret === "string" && secret !== "");
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

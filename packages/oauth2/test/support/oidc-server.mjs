// An authorization server in a process of its own: oidc-provider with rotation. A second use of a refresh token
// revokes the whole grant. Users log in by POST /control/login, in place of a browser.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const { privateKey } = await crypto.subtle
  .generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"])
  .then(async (pair) => ({ privateKey: await crypto.subtle.exportKey("jwk", pair.privateKey) }));
const shared = {
  grant_types: ["authorization_code", "refresh_token", "client_credentials"],
  redirect_uris: ["https://app.example.com/callback"],
};
const { key_ops: _use, ext: _ext, d: _d, ...publicKey } = privateKey;
const SECRET = "a secret of 32 characters, or more of them";

const provider = new Provider(issuer, {
  clients: [
    { ...shared, client_id: "app", client_secret: SECRET, token_endpoint_auth_method: "client_secret_basic" },
    { ...shared, client_id: "post", client_secret: SECRET, token_endpoint_auth_method: "client_secret_post" },
    { ...shared, client_id: "jwt", client_secret: SECRET, token_endpoint_auth_method: "client_secret_jwt" },
    {
      ...shared,
      client_id: "key",
      token_endpoint_auth_method: "private_key_jwt",
      jwks: { keys: [{ ...publicKey, alg: "ES256", use: "sig" }] },
    },
    {
      ...shared,
      client_id: "public",
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    },
  ],
  clientAuthMethods: [
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
  ],
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  scopes: ["openid", "offline_access", "read"],
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    revocation: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
  },
  ttl: { AccessToken: 3600, RefreshToken: 86_400, Grant: 86_400, IdToken: 3600, ClientCredentials: 600 },
  cookies: { keys: ["cookie-key"] },
});
provider.on("server_error", (_context, error) => console.error(error));

const counts = { ok: 0, errors: {} };
provider.on("grant.success", () => {
  counts.ok++;
});
provider.on("grant.error", (_context, error) => {
  counts.errors[error.error] = (counts.errors[error.error] ?? 0) + 1;
});

async function login(accountId, clientId) {
  const client = await provider.Client.find(clientId);
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope("openid offline_access");
  const grantId = await grant.save();
  const common = {
    accountId,
    client,
    grantId,
    scope: "openid offline_access",
    gty: "authorization_code",
    claims: {},
    expiresWithSession: false,
  };
  const refreshToken = await new provider.RefreshToken({ ...common, rotations: 0 }).save();
  const accessToken = await new provider.AccessToken({ ...common, extra: {} }).save();
  return { access_token: accessToken, refresh_token: refreshToken, expires_in: 3600, token_type: "Bearer" };
}

/** What the browser would come back with. */
async function codeFor({ user, client: clientId, challenge, redirect }) {
  const client = await provider.Client.find(clientId);
  const grant = new provider.Grant({ accountId: user, clientId });
  grant.addOIDCScope("openid offline_access");
  const code = new provider.AuthorizationCode({
    accountId: user,
    client,
    grantId: await grant.save(),
    scope: "openid offline_access",
    redirectUri: redirect,
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
    claims: {},
    gty: "authorization_code",
    expiresWithSession: false,
    authTime: Math.floor(Date.now() / 1000),
  });
  return { code: await code.save() };
}

const callback = provider.callback();
server.on("request", async (request, response) => {
  const url = new URL(request.url, issuer);
  if (!url.pathname.startsWith("/control/")) return callback(request, response);
  let answer;
  if (url.pathname === "/control/login") {
    answer = await login(url.searchParams.get("user"), url.searchParams.get("client") ?? "app");
  } else if (url.pathname === "/control/code") {
    answer = await codeFor(Object.fromEntries(url.searchParams));
  } else if (url.pathname === "/control/counts") answer = counts;
  else if (url.pathname === "/control/accepts") {
    const token = await provider.RefreshToken.find(url.searchParams.get("token"));
    const grant = token && (await provider.Grant.find(token.grantId));
    answer = { accepts: Boolean(token && !token.consumed && token.isValid && grant) };
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answer));
});
process.on("disconnect", () => process.exit());
process.send({ issuer, secret: SECRET, privateKey });

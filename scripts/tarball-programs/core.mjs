import { isTokenStoreError, OAuthToken } from "@tokenkeep/core";

const token = new OAuthToken({ userSignature: { name: "ann" }, refreshToken: "1000.secret" });
if (`${token}${JSON.stringify(token)}`.includes("secret")) throw new Error("a secret is shown");
if (token.with({ accessToken: "a" }).refreshToken !== "1000.secret") throw new Error("a property was lost");
try {
  new OAuthToken({ expiresIn: 3600 });
  throw new Error("a wrong property was taken");
} catch (error) {
  if (!isTokenStoreError(error)) throw error;
}
console.log("a token made, changed and checked");

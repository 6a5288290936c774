// The contract in ten lines, on the store that needs nothing: what core's and memory's READMEs tell.
import { MemoryTokenStore } from "@tokenkeep/memory";

const store = new MemoryTokenStore();
const user = { userSignature: { name: "ann@example.com" }, clientId: "1000.CLIENT" };

await store.saveToken({
  ...user,
  refreshToken: "1000.r",
  accessToken: "1000.a",
  expiresAt: Date.now() + 3_600_000,
});
// an hour later: a refresh answers without a refresh token, and the stored one stays
await store.saveToken({ ...user, accessToken: "1000.b", expiresAt: Date.now() + 3_600_000 });

const token = await store.findToken(user); // never another user's, never another client's
console.log(token); // secrets masked
console.log(token.refreshToken === "1000.r", token.revision);
await store.close();

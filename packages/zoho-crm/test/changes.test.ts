// What the bridge saves of an SDK's token: what the SDK has changed since it was read, and nothing else.
import { MemoryTokenStore } from "@tokenkeep/memory";
import { OAuthToken, UserSignature } from "@zohocrm/typescript-sdk-8.0";
import { beforeEach, expect, it } from "vitest";
import { type ZohoTokenStore, zohoTokenStore } from "../src/index.js";

const OTHERS = {
  scope: "ZohoCRM.modules.ALL",
  tokenType: "Bearer",
  idToken: "id token",
  issuer: "https://accounts.zoho.com",
  refreshTokenExpiresAt: 2_000_000_000_000,
  metadata: { tenant: 7 },
};
const LOGIN = { clientId: "c", clientSecret: "s", refreshToken: "r1", accessToken: "a1", expiresAt: 1000 };

let store: MemoryTokenStore;
let bridge: ZohoTokenStore<OAuthToken>;
let id: string;
beforeEach(async () => {
  store = new MemoryTokenStore();
  bridge = zohoTokenStore(store, { OAuthToken, UserSignature });
  id = (await store.saveToken({ ...LOGIN, ...OTHERS, userSignature: { name: "ada" } })).id ?? "";
});

/** What the SDK does to a token when it refreshes it. */
function refresh(token: OAuthToken, accessToken: string): void {
  token.setAccessToken(accessToken);
  token.setExpiresIn("5000");
}

it("leaves the properties that the SDK does not know untouched", async () => {
  const token = await bridge.findTokenById(id);
  refresh(token, "a2");
  await bridge.saveToken(token);
  expect(await store.findTokenById(id)).toMatchObject({
    ...LOGIN,
    ...OTHERS,
    accessToken: "a2",
    expiresAt: 5000,
    revision: 2,
  });
});

it("does not undo another process's login when a token that was read earlier is saved after its refresh", async () => {
  const token = await bridge.findTokenById(id);
  await store.saveToken({ id, refreshToken: "r2", accessToken: "a of r2", expiresAt: 9000, scope: "wider" });
  refresh(token, "a of r1");
  await bridge.saveToken(token);
  const login = { refreshToken: "r2", accessToken: "a of r2", expiresAt: 9000, scope: "wider" };
  expect(await store.findTokenById(id)).toMatchObject(login);
  // nor when it does so again
  refresh(token, "another of r1");
  await bridge.saveToken(token);
  expect(await store.findTokenById(id)).toMatchObject(login);
  expect(token.getId()).toBe(id);
});

it("merges with what others have changed meanwhile", async () => {
  const token = new OAuthToken("c", null, null, null, null, null, null, new UserSignature("ada"));
  await bridge.findToken(token);
  await store.saveToken({
    id,
    redirectUrl: "https://new",
    clientSecret: "new secret",
    metadata: { tenant: 8 },
  });
  refresh(token, "a2");
  await bridge.saveToken(token);
  expect(await store.findTokenById(id)).toMatchObject({
    accessToken: "a2",
    redirectUrl: "https://new",
    clientSecret: "new secret",
    metadata: { tenant: 8 },
  });
});

it("saves what the program gives to the SDK anew, such as a client's new secret", async () => {
  const token = new OAuthToken("c", "new secret", null, null, null, null, null, new UserSignature("ada"));
  await bridge.findToken(token);
  refresh(token, "a2");
  await bridge.saveToken(token);
  expect(await store.findTokenById(id)).toMatchObject({ clientSecret: "new secret", refreshToken: "r1" });
});

it("saves a new login of the SDK over an older one", async () => {
  const token = await bridge.findTokenById(id);
  token.setRefreshToken("r3");
  refresh(token, "a3");
  await bridge.saveToken(token);
  expect(await store.findTokenById(id)).toMatchObject({
    refreshToken: "r3",
    accessToken: "a3",
    scope: OTHERS.scope,
  });
});

it("never removes what the SDK does not have", async () => {
  const token = await bridge.findTokenById(id);
  token.setRefreshToken(null as never);
  token.setUserSignature(null as never);
  refresh(token, "a2");
  await bridge.saveToken(token);
  expect(await store.findTokenById(id)).toMatchObject({ refreshToken: "r1", userSignature: { name: "ada" } });
});

it("saves a second time what it saved as new", async () => {
  const token = new OAuthToken("c", "s", null, "r9", null, null, null, new UserSignature("bob"));
  await bridge.saveToken(token);
  refresh(token, "a9");
  await bridge.saveToken(token);
  expect(await store.findToken({ userSignature: { name: "bob" } })).toMatchObject({
    refreshToken: "r9",
    accessToken: "a9",
    revision: 2,
  });
});

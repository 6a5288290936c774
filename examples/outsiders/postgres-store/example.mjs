import { PostgresTokenStore } from "postgres-token-store";

const store = new PostgresTokenStore({ url: process.env.POSTGRES_URL, schema: "tokens" });
const user = { userSignature: { name: "ann@example.com" }, clientId: "app" };

await store.saveToken({ ...user, refreshToken: "1000.example" });
const token = await store.withLock("refresh ann", async () => {
  // one process at a time asks the provider for a new access token
  return store.saveToken({ ...user, accessToken: "1000.new", expiresAt: Date.now() + 3_600_000 });
});
console.log(token);

await store.close();

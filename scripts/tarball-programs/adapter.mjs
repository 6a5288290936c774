import { SqliteTokenStore } from "@tokenkeep/sqlite";

const user = { userSignature: { name: "ann" }, clientId: "app" };
const first = new SqliteTokenStore("tokens.db");
await first.saveToken({ ...user, accessToken: "a", refreshToken: "r", expiresAt: Date.now() + 3_600_000 });
await first.saveToken({ ...user, accessToken: "b" });
await first.close();

const second = new SqliteTokenStore("tokens.db");
const found = await second.findToken(user);
await second.close();
if (found?.refreshToken !== "r" || found.revision !== 2) throw new Error("the token was not kept");
console.log("a token saved, saved again, and found after reopening");

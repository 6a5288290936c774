import { LevelTokenStore } from "level-token-store";

const store = new LevelTokenStore({ path: "tokens" });
await store.saveToken({ userSignature: { name: "ann@example.com" }, refreshToken: "1000.example" });
console.log(await store.findToken({ userSignature: { name: "ann@example.com" } }));
await store.close();

// Another process, whose records change their places: run with the URL and a namespace, until it is killed.
import { RedisTokenStore } from "@tokenkeep/redis";

const [url, namespace] = process.argv.slice(2);
const store = new RedisTokenStore({ url, namespace });
const wandering = new RedisTokenStore({ url, namespace: `${namespace}-x` });
await wandering.saveToken({ id: "x", userSignature: { name: "ann" }, refreshToken: "r" });
for (let i = 1; ; i++) {
  const userSignature = { name: `user ${i}` };
  const { id } = await store.saveToken({ userSignature, refreshToken: `r${i}` });
  process.send(i);
  await store.saveToken({ id, userSignature, clientId: "c" });
  await wandering.saveToken({ id: "x", clientId: i % 2 === 0 ? "c" : "d" });
}

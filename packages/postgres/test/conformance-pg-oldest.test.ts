import { createRequire } from "node:module";
import { PostgresTokenStore } from "@tokenkeep/postgres";
import { expect, it, vi } from "vitest";
import { runKitOn } from "./kit.js";

// In this process. The kit's child processes get it from the module.
vi.mock("pg", () => import("pg-oldest" as string));

await runKitOn("postgres", { driver: "pg-oldest", only: ["3.7", "4", "5", "6.1", "7.3"] });

it("this process's stores use pg-oldest", async () => {
  const { Client } = createRequire(import.meta.url)("pg-oldest");
  const connect = vi.spyOn(Client.prototype, "connect");
  const store = new PostgresTokenStore({ url: "postgres://127.0.0.1:1/test", timeoutMs: 1000 });
  await expect(store.findTokenById("1")).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
  expect(connect).toHaveBeenCalled();
  await store.close();
});

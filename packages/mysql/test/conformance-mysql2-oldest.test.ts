import { createRequire } from "node:module";
import { expect, it, vi } from "vitest";
import { runKitOn } from "./kit.js";
import { freshTable, open } from "./support.js";

// In this process. The kit's child processes get it from the module.
vi.mock("mysql2", () => import("mysql2-oldest"));
vi.mock("mysql2/promise", () => import("mysql2-oldest/promise"));

await runKitOn("mysql", { driver: "mysql2-oldest", only: ["3.7", "4", "5", "6.1", "7.3"] });

it("this process's stores use mysql2-oldest", async () => {
  const { Connection } = createRequire(import.meta.url)("mysql2-oldest");
  const connect = vi.spyOn(Connection.prototype, "connect");
  const store = open({ url: "mysql://127.0.0.1:1/test", table: freshTable(), timeoutMs: 1000 });
  await expect(store.findTokenById("1")).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
  expect(connect).toHaveBeenCalled();
  await store.close();
});

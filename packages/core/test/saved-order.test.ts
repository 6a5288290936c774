import { expect, it } from "vitest";
import { SavedOrder } from "../src/saved-order.js";

it("keeps the order of first saves when the clock goes back", () => {
  const order = new SavedOrder();
  for (const [createdAt, id] of [
    [5, "e"],
    [3, "b"],
    [5, "d"],
    [3, "a"],
    [9, "f"],
    [4, "c"],
  ] as const) {
    order.add({ createdAt, id });
  }
  expect(order.page(null, null).map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e", "f"]);
});

it("continues after a cursor that was deleted", () => {
  const order = new SavedOrder();
  for (let i = 0; i < 10; i++) order.add({ createdAt: i >> 1, id: String(i) });
  const [last] = order.page(null, 4).slice(-1);
  order.delete(last!);
  order.delete({ createdAt: 0, id: "0" });
  expect(order.page(last!, 4).map(({ id }) => id)).toEqual(["4", "5", "6", "7"]);
});

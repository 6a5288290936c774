import { MemoryTokenStore } from "@tokenkeep/memory";
import { type GroupResult, measure } from "../harness.js";
import { queryOf, someOf, tokenOf } from "../tokens.js";

export async function benchMemory(): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  const stores = new Map<number, MemoryTokenStore>();
  for (const size of [100, 100_000]) {
    const store = new MemoryTokenStore();
    for (let i = 0; i < size; i++) await store.saveToken(tokenOf(i));
    stores.set(size, store);
  }
  const contenders = [...stores].map(([size, store]) => ({
    name: `memory, ${size.toLocaleString("en")} records`,
    run: (i: number) => store.findToken(queryOf(someOf(size, i))),
  }));
  results.push(
    await measure({
      title: "Find by user and client, in memory",
      contenders,
      operations: 50_000,
      targets: contenders.map(({ name }) => ({ contender: name, perSecond: 500_000 })),
    }),
  );
  for (const store of stores.values()) await store.close();
  return results;
}

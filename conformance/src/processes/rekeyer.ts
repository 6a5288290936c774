// Runs `rekey` on a space from one key to the other and back, until the space's directory is gone.
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { rekey, type TokenStore } from "@tokenkeep/core";
import type { Space, StoreModule } from "../case.js";
import { sealingWithKey } from "../encrypted.js";

const PAUSE_MS = 50;

const [moduleUrl, json] = process.argv.slice(2) as [string, string];
const space = JSON.parse(json) as Space;
const { default: module } = (await import(moduleUrl)) as { default: StoreModule };

const stores: (TokenStore | undefined)[] = [];
for (let turn = 0; existsSync(space.directory); turn++) {
  const index = turn % 2 === 0 ? 1 : 0;
  try {
    // "existing", so that nothing is created that a case expects to be missing
    stores[index] ??= await module.open(space, { encryption: sealingWithKey(index), open: "existing" });
    await rekey(stores[index]);
  } catch {
    // The store is not there yet, or a case has done something to it.
    await stores[index]?.close().catch(() => {});
    stores[index] = undefined;
  }
  await sleep(PAUSE_MS);
}
process.exit(0);

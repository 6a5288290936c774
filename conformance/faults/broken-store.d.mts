import type { StoreModule } from "../dist/index.js";

/** The kit's module of the store with this fault. */
export declare function brokenStore(name: string): StoreModule;

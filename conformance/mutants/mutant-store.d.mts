import type { StoreModule } from "../dist/index.js";

/** The kit's module of this mutant. */
export declare function mutantStore(name: string): StoreModule;
